//! A folder with a plan and a small static program, in which `vvbill service` runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// What the small program prints.
pub const GREETING: &str = "packed";

const PLAN: &str = "\
# A plan of this machine.
metadata: {name: local, environment: local}
target: local
ingest: # the service
  topic: usage # of everybody
kafka: {version: 4.3.1, brokers: 1}
buffer: {replicas: 0, maxmemory: 128MiB, sentinel: {count: 3, quorum: 2}}
aurora: {engine: postgresql, engine_version: 15, shards: 1, database_name: a, master_username: a, master_password: managed}
";

pub struct Bench {
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plan.yaml"), PLAN).unwrap();
        std::fs::write(folder.path().join("authorities.pem"), certificate()).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn plan(&self) -> String {
        std::fs::read_to_string(self.path("plan.yaml")).unwrap()
    }

    /// `vvbill service ARGUMENTS`, which sees nothing of the caller's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vvbill"));
        command
            .arg("service")
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.folder.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Builds the image of `program`.
    pub fn build(&self, program: &Path) -> Value {
        let program = program.display().to_string();
        let built = self.run(&[
            "build",
            "plan.yaml",
            "--binary",
            &program,
            "--ca-certificates",
            "authorities.pem",
            "--json",
        ]);
        built.expect(0).json()
    }

    /// Every file below a folder, by its path from there.
    pub fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let name = path.strip_prefix(self.folder.path()).unwrap();
                        found.insert(name.display().to_string(), std::fs::read(&path).unwrap());
                    }
                }
            }
        }
        found
    }
}

/// What one run printed and how it ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("vvbill prints UTF-8");
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Each of these stands in what it said.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "`{word}` is not said:\n{}",
                self.stderr
            );
        }
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why}: {self:#?}"))
    }
}

/// A static program that prints [`GREETING`] and has a megabyte that can't be compressed.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = compile(folder.path(), GREETING);
        (folder, path)
    });
    path
}

/// Compiles one that prints `greeting`.
pub fn compile(folder: &Path, greeting: &str) -> PathBuf {
    let (source, path) = (folder.join("program.c"), folder.join("program"));
    let mut number = 1_u32;
    let noise: Vec<String> = (0..1 << 18)
        .map(|_| {
            number ^= number << 13;
            number ^= number >> 17;
            number ^= number << 5;
            number.to_string()
        })
        .collect();
    let text = format!(
        "#include <stdio.h>\nunsigned noise[] = {{{}}};\nint main(int count, char **words) {{ printf(\"{greeting}%s\\n\", \
         noise[count] ? \"\" : \" never\"); return 0; }}\n",
        noise.join("u,") + "u"
    );
    std::fs::write(&source, text).unwrap();
    let compiled = Command::new("cc")
        .args(["-static", "-o"])
        .arg(&path)
        .arg(&source)
        .status()
        .unwrap();
    assert!(compiled.success(), "a static program can't be compiled");
    path
}

/// No authority's, and no more than the look of one: nothing is verified by it.
fn certificate() -> String {
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        "MIIB".repeat(16)
    )
}
