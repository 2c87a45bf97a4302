//! Names of repositories in registries: `registry.example.com:5000/billing/ingest`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::ImageError;

/// A repository of a registry, without tag and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The registry's host, with its port where that isn't its scheme's own.
    pub host: String,
    /// `billing/ingest`.
    pub name: String,
}

impl Repository {
    /// Whether the registry runs on this machine; then it is spoken to without TLS.
    pub fn is_on_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// The region, where it is one of ECR's: `123456789012.dkr.ecr.eu-west-1.amazonaws.com`.
    pub fn ecr_region(&self) -> Option<&str> {
        let (account, rest) = self.host.split_once('.')?;
        let region = rest
            .strip_prefix("dkr.ecr.")
            .or_else(|| rest.strip_prefix("dkr.ecr-fips."))?;
        let region = region
            .strip_suffix(".amazonaws.com")
            .or_else(|| region.strip_suffix(".amazonaws.com.cn"))?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        (is_account && !region.contains('.')).then_some(region)
    }

    /// Where its API is.
    pub(super) fn base_url(&self) -> String {
        let scheme = if self.is_on_loopback() { "http" } else { "https" };
        let host = match self.host.as_str() {
            // Docker Hub's API does not live where its name says.
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        format!("{scheme}://{host}")
    }
}

/// Whether `host`, with or without a port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl FromStr for Repository {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let wrong = |why: &str| {
            ImageError::new(format!("`{text}` is no repository: {why}"))
                .with_hint("write it with its registry: `registry.example.com/billing/ingest`")
        };
        let text = text.split('@').next().unwrap_or_default();
        let (host, name) = text
            .split_once('/')
            .ok_or_else(|| wrong("it names no registry"))?;
        let is_host = host == "localhost" || host.contains(['.', ':']);
        let is_plain = host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        if !is_host || !is_plain {
            return Err(wrong("it names no registry"));
        }
        // Behind the last slash a colon starts a tag.
        let name = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name,
            _ => name,
        };
        let is_component = |part: &str| {
            let inner =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
            let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
            part.bytes().all(inner) && ends(part.bytes().next()) && ends(part.bytes().last())
        };
        match name.split('/').all(is_component) {
            true => Ok(Self {
                host: host.to_owned(),
                name: name.to_owned(),
            }),
            false => Err(wrong(
                "a name is made of small letters, digits, `.`, `_`, `-` and `/`",
            )),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Repository;

    fn parts(text: &str) -> Option<(String, String)> {
        let repository: Repository = text.parse().ok()?;
        Some((repository.host, repository.name))
    }

    /// A port must not pass for a tag, nor a tag for a part of the name.
    #[test]
    fn repositories_are_read_as_docker_writes_them() {
        let both = |host: &str, name: &str| Some((host.to_owned(), name.to_owned()));
        for (text, expected) in [
            (
                "127.0.0.1:5000/billing/ingest",
                both("127.0.0.1:5000", "billing/ingest"),
            ),
            ("ghcr.io/a/b:1.0", both("ghcr.io", "a/b")),
            ("localhost/ingest@sha256:00", both("localhost", "ingest")),
            ("[::1]:5000/ingest", both("[::1]:5000", "ingest")),
            ("docker.io/a/b:1@sha256:00", both("docker.io", "a/b")),
            ("billing/ingest", None),
            ("ingest", None),
            ("ghcr.io/", None),
            ("ghcr.io/A", None),
            ("ghcr.io/a//b", None),
            ("ghcr.io/../b", None),
            ("user@ghcr.io/a", None),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    /// Only what runs here may be spoken to without TLS: credentials would be read on the way.
    #[test]
    fn plain_http_is_for_loopback_alone() {
        for (text, expected) in [
            ("127.0.0.1:5000/a", "http://127.0.0.1:5000"),
            ("localhost/a", "http://localhost"),
            ("[::1]:5000/a", "http://[::1]:5000"),
            ("127.0.0.1.example.com/a", "https://127.0.0.1.example.com"),
            ("10.0.0.1:5000/a", "https://10.0.0.1:5000"),
            ("docker.io/a/b", "https://registry-1.docker.io"),
        ] {
            let repository: Repository = text.parse().unwrap();
            assert_eq!(repository.base_url(), expected, "{text}");
        }
    }

    /// The login of ECR goes to ECR alone.
    #[test]
    fn ecr_is_known_by_its_host() {
        let region = |text: &str| {
            let repository: Repository = text.parse().unwrap();
            repository.ecr_region().map(str::to_owned)
        };
        let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a";
        assert_eq!(region(ecr).as_deref(), Some("eu-west-1"));
        let china = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a";
        assert_eq!(region(china).as_deref(), Some("cn-north-1"));
        assert_eq!(region("12345.dkr.ecr.eu-west-1.amazonaws.com/a"), None);
        assert_eq!(region("123456789012.dkr.ecr.x.amazonaws.com.evil.com/a"), None);
    }
}
