//! The fake AWS as a process: it ends with this test, since it reads from a pipe that closes then.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub struct Fake {
    child: Child,
    pub url: String,
}

impl Fake {
    /// With this configuration; `tests/support/aws/README.md` says what there is.
    pub fn start(config: &Value) -> Self {
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/aws/serve.py");
        let mut child = Command::new(python())
            .arg(server)
            .args(["--config", &config.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| {
                panic!(
                    "{} can't be started: {why}; run `cargo xtask setup`",
                    python().display()
                )
            });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the fake AWS did not start: {line}; run `cargo xtask setup`"));
        let url = format!("http://127.0.0.1:{}", ready["port"]);
        Self { child, url }
    }

    /// Changes the configuration of what runs.
    pub fn configure(&self, config: &Value) {
        self.post("config", config);
    }

    /// Everything that exists, without what AWS has by itself.
    pub fn inventory(&self) -> Vec<Value> {
        self.get("inventory").as_array().unwrap().clone()
    }

    /// Calls and faults so far.
    pub fn stats(&self) -> Value {
        self.get("stats")
    }

    /// Runs a script with boto3 that sees this AWS; what it prints.
    pub fn boto(&self, script: &Path, arguments: &[&str]) -> String {
        let output = Command::new(python())
            .arg(script)
            .args(arguments)
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", script.display());
        String::from_utf8(output.stdout).unwrap()
    }

    fn get(&self, what: &str) -> Value {
        let mut answer = ureq::get(format!("{}/_fake/{what}", self.url)).call().unwrap();
        serde_json::from_reader(answer.body_mut().as_reader()).unwrap()
    }

    fn post(&self, what: &str, body: &Value) {
        let request =
            ureq::post(format!("{}/_fake/{what}", self.url)).header("content-type", "application/json");
        request.send(body.to_string()).unwrap();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // Closing its standard input would do; this is sooner.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The environment that `cargo xtask setup` makes.
pub fn python() -> PathBuf {
    environment("moto").join("bin/python")
}

/// One of the virtual environments in the cache.
pub fn environment(name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("vvbill").join(name)
}
