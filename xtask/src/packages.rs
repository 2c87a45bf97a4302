//! What the project needs of a machine beside Rust: how each need is seen, and which package meets it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command;

/// Something that must be on the machine.
#[derive(Clone, Copy)]
pub(crate) struct Need {
    /// As a person calls it, with the smallest version.
    pub(crate) name: &'static str,
    /// What wants it.
    pub(crate) reason: &'static str,
    /// Debian and Ubuntu packages that bring it; the first that the machine's archive has is taken.
    pub(crate) packages: &'static [&'static str],
    found: fn() -> bool,
}

impl Need {
    pub(crate) fn is_met(&self) -> bool {
        (self.found)()
    }
}

/// Java that Kafka 4's brokers run on.
const JAVA_VERSION_MIN: u32 = 17;

/// For building alone.
pub(crate) const BUILD_NEEDS: &[Need] = &[
    Need {
        name: "C and C++ compilers",
        reason: "librdkafka is compiled from source",
        packages: &["build-essential"],
        found: || on_path("cc") && on_path("c++"),
    },
    Need {
        name: "make",
        reason: "librdkafka is compiled from source",
        packages: &["build-essential"],
        found: || on_path("make"),
    },
];

/// For building, testing and the local platform: [`BUILD_NEEDS`] and the servers.
pub(crate) const NEEDS: &[Need] = &[
    BUILD_NEEDS[0],
    BUILD_NEEDS[1],
    Need {
        name: "Java 17 or later",
        reason: "Kafka's brokers run on it",
        packages: &[
            "openjdk-21-jre-headless",
            "openjdk-17-jre-headless",
            "default-jre-headless",
        ],
        found: || java_version().is_some_and(|version| version >= JAVA_VERSION_MIN),
    },
    Need {
        name: "redis-server",
        reason: "the write-behind buffer and the cache",
        packages: &["redis-server"],
        found: || on_path("redis-server"),
    },
    Need {
        name: "redis-sentinel",
        reason: "fails over the write-behind buffer",
        packages: &["redis-sentinel"],
        found: || on_path("redis-sentinel"),
    },
    Need {
        name: "Postgres's server (initdb, postgres)",
        reason: "the shards",
        packages: &["postgresql"],
        found: || {
            ["initdb", "postgres"]
                .iter()
                .all(|program| command::find(program, &postgres_folders()).is_some())
        },
    },
    Need {
        name: "etcd",
        reason: "keeps which member of a shard with replicas leads",
        packages: &["etcd-server"],
        found: || on_path("etcd"),
    },
    PYTHON_NEEDS[0],
    Need {
        name: "prometheus and promtool",
        reason: "scrapes the platform, judges the rules that we render",
        packages: &["prometheus"],
        found: || on_path("prometheus") && on_path("promtool"),
    },
];

/// For tests of what is shipped: manual pages, the service's image, registries.
pub(crate) const IMAGE_NEEDS: &[Need] = &[
    Need {
        name: "groff",
        reason: "reads the manual pages",
        packages: &["groff-base"],
        found: || on_path("groff"),
    },
    Need {
        name: "skopeo",
        reason: "reads and copies the images that we build",
        packages: &["skopeo"],
        found: || on_path("skopeo"),
    },
    Need {
        name: "docker-registry",
        reason: "images are pushed to it",
        packages: &["docker-registry"],
        found: || on_path("docker-registry"),
    },
    Need {
        name: "openssl",
        reason: "gives a registry the certificate of ECR's name",
        packages: &["openssl"],
        found: || on_path("openssl"),
    },
];

/// For linters and tests that come from PyPI.
pub(crate) const PYTHON_NEEDS: &[Need] = &[Need {
    name: "Python 3 with venv",
    reason: "Patroni, typos, moto, checkov and hadolint come from PyPI",
    packages: &["python3-venv"],
    found: || answers("python3", &["-c", "import venv, ensurepip"]),
}];

/// For tests of the Kubernetes provider; the API server itself is built.
pub(crate) const KUBERNETES_NEEDS: &[Need] = &[
    Need {
        name: "etcd",
        reason: "the tests' kube-apiserver keeps its objects there",
        packages: &["etcd-server"],
        found: || on_path("etcd"),
    },
    Need {
        name: "openssl",
        reason: "makes the key of the tests' kube-apiserver",
        packages: &["openssl"],
        found: || on_path("openssl"),
    },
];

fn on_path(program: &str) -> bool {
    command::find(program, &[]).is_some()
}

/// Debian keeps a folder of servers for each version, outside PATH.
fn postgres_folders() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    versions
        .map(|version| version.path().join("bin"))
        .filter(|folder| Path::is_dir(folder))
        .collect()
}

/// `java -version` says `openjdk version "17.0.15" …` on stderr.
fn java_version() -> Option<u32> {
    let output = Command::new("java").arg("-version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    java_version_in(&text)
}

fn java_version_in(text: &str) -> Option<u32> {
    let quoted = text.split('"').nth(1)?;
    quoted.split(['.', '-', '+']).next()?.parse().ok()
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::java_version_in;

    /// An old Java must not pass for a new one: "1.8" is Java 8.
    #[test]
    fn java_versions_are_read_as_java_prints_them() {
        assert_eq!(
            java_version_in("openjdk version \"17.0.15\" 2025-04-15"),
            Some(17)
        );
        assert_eq!(java_version_in("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(java_version_in("openjdk version \"25-ea\" 2025-09-16"), Some(25));
        assert_eq!(java_version_in("java version \"1.8.0_392\""), Some(1));
        assert_eq!(java_version_in("command not found"), None);
    }
}
