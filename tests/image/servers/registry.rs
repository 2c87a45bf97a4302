//! `docker-registry` on a port of its own; it ends with the test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub struct Registry {
    child: Child,
    pub port: u16,
    _folder: tempfile::TempDir,
}

/// What a registry asks for.
#[derive(Default)]
pub struct Guard<'a> {
    /// Names with bcrypt hashes, as `htpasswd -B` writes them.
    pub logins: Option<&'a str>,
    /// A folder with `server.pem` and `server.key`.
    pub tls: Option<&'a Path>,
}

impl Registry {
    pub fn start() -> Self {
        Self::guarded(&Guard::default())
    }

    pub fn guarded(guard: &Guard<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http:\n  addr: 127.0.0.1:0\n  secret: of-this-test\n",
            folder.path().join("data").display()
        );
        if let Some(tls) = guard.tls {
            let tls = tls.display();
            config += &format!("  tls: {{certificate: {tls}/server.pem, key: {tls}/server.key}}\n");
        }
        if let Some(logins) = guard.logins {
            let path = folder.path().join("logins");
            std::fs::write(&path, logins).unwrap();
            config += &format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", path.display());
        }
        let path = folder.path().join("registry.yaml");
        std::fs::write(&path, config).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("docker-registry can't be started: {why}; run `cargo xtask setup`"));
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let port = loop {
            let start = said.len();
            if log.read_line(&mut said).unwrap() == 0 {
                panic!("docker-registry ended: {said}");
            }
            if let Some((_, rest)) = said[start..].split_once("listening on 127.0.0.1:") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                break digits.parse().unwrap();
            }
        };
        // It must not be stopped by a pipe that nobody empties.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self {
            child,
            port,
            _folder: folder,
        }
    }

    /// `127.0.0.1:…`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
