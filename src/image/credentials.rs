//! Who pushes: as `docker login` left it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;

use super::{ImageError, Repository};

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password or token; it is shown nowhere.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// As HTTP's `Authorization: Basic …` takes them.
    pub(super) fn basic(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.username, self.password))
        )
    }
}

/// The parts of Docker's `config.json` that speak of credentials.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Configuration {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
}

/// What `docker-credential-… get` answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The credentials for this repository's registry in `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, or
/// of the helper that it names; `None` where there are none.
///
/// # Errors
/// When the file or the helper's answer can't be read.
pub fn of_docker(repository: &Repository) -> Result<Option<Credentials>, ImageError> {
    let Some(path) = configuration_path().filter(|path| path.is_file()) else {
        return Ok(None);
    };
    let unreadable = |why: &str| {
        ImageError::new(format!("can't read credentials from `{}`: {why}", path.display()))
            .with_hint("correct it, or give --username and --password-stdin")
    };
    let text = std::fs::read(&path).map_err(|why| unreadable(&why.to_string()))?;
    let configuration: Configuration =
        serde_json::from_slice(&text).map_err(|why| unreadable(&why.to_string()))?;
    let names = names(&repository.host);
    let helper = names
        .iter()
        .find_map(|name| configuration.cred_helpers.get(name))
        .or(configuration.creds_store.as_ref());
    if let Some(helper) = helper
        && let Some(found) = of_helper(helper, &names)?
    {
        return Ok(Some(found));
    }
    let entry = names.iter().find_map(|name| configuration.auths.get(name));
    entry.map_or(Ok(None), |entry| {
        entry
            .credentials()
            .map_err(|why| unreadable(&format!("what stands for {}: {why}", repository.host)))
    })
}

fn configuration_path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    set("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".docker")))
        .map(|folder| folder.join("config.json"))
}

/// Under which a registry stands there: tools have written its name in several ways.
fn names(host: &str) -> Vec<String> {
    let mut names: Vec<String> = ["", "https://", "http://"]
        .iter()
        .flat_map(|scheme| ["", "/", "/v1/", "/v2/"].map(|path| format!("{scheme}{host}{path}")))
        .collect();
    if host == "docker.io" {
        names.push("https://index.docker.io/v1/".into());
    }
    names
}

impl Entry {
    fn credentials(&self) -> Result<Option<Credentials>, &'static str> {
        if self.auth.is_empty() {
            let given = !self.username.is_empty() && !self.password.is_empty();
            return Ok(given.then(|| Credentials {
                username: self.username.clone(),
                password: self.password.clone(),
            }));
        }
        let decoded = STANDARD.decode(&self.auth).map_err(|_| "`auth` is no base64")?;
        let text = String::from_utf8(decoded).map_err(|_| "`auth` is no text")?;
        let (username, password) = text.split_once(':').ok_or("`auth` has no colon")?;
        Ok(Some(Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        }))
    }
}

/// From a helper program, which is asked for each of the names.
fn of_helper(helper: &str, names: &[String]) -> Result<Option<Credentials>, ImageError> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: &str| {
        ImageError::new(format!("the credential helper `{program}` failed: {why}"))
            .with_hint("Docker's config.json names it; repair it, or give --username and --password-stdin")
    };
    for name in names {
        let mut child = Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|why| failed(&why.to_string()))?;
        if let Some(mut input) = child.stdin.take() {
            // A helper that has answered already need not read.
            let _ = input.write_all(name.as_bytes());
        }
        let output = child.wait_with_output().map_err(|why| failed(&why.to_string()))?;
        if output.status.success() {
            let answer: Answer =
                serde_json::from_slice(&output.stdout).map_err(|_| failed("its answer is no JSON"))?;
            return Ok(Some(Credentials {
                username: answer.username,
                password: answer.secret,
            }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Credentials, Entry};

    /// A password must not reach a log.
    #[test]
    fn a_password_is_not_shown() {
        let credentials = Credentials {
            username: "someone".into(),
            password: "swordfish".into(),
        };
        let shown = format!("{credentials:?}");
        assert!(
            shown.contains("someone") && !shown.contains("swordfish"),
            "{shown}"
        );
    }

    /// A password may have colons in it.
    #[test]
    fn docker_logins_are_read() {
        let entry = |auth: &str| Entry {
            auth: auth.into(),
            ..Entry::default()
        };
        let read = entry("YTpiOmM=").credentials().unwrap().unwrap();
        assert_eq!((read.username.as_str(), read.password.as_str()), ("a", "b:c"));
        assert_eq!(Entry::default().credentials(), Ok(None));
        assert!(entry("%").credentials().is_err());
        assert!(entry("YQ==").credentials().is_err());
    }
}
