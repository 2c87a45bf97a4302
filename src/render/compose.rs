//! `compose/`: the plan as containers on one machine, for development.
//!
//! What one machine has no use for is left out: zones, replicas of shards, the second region. Secrets are named, and
//! come from the environment or a file of whoever starts it.

mod ingest;
mod kafka;
mod stores;

use serde::Serialize;
use serde_json::Value;

use super::prometheus::{Job, scraping};
use super::{Error, File, Input, redis};
use crate::spec::{Spec, Target};
use crate::templates::{Templates, sources};

static TEMPLATES: Templates = Templates::new(sources![
    "compose/compose.yaml",
    "compose/grafana-dashboards.yaml",
    "compose/grafana-datasources.yaml",
]);

const PROMETHEUS: &str = "prom/prometheus:v3.5.0";
const GRAFANA: &str = "grafana/grafana:12.1.1";
const REDIS_EXPORTER: &str = "oliver006/redis_exporter:v1.74.0";
const REDIS_EXPORTER_PORT: u16 = 9_121;

/// What the template is filled with.
#[derive(Debug, Serialize)]
struct Values {
    header: String,
    project: String,
    secrets: Vec<Asked>,
    comments: Vec<String>,
    zookeeper: Option<kafka::Zookeeper>,
    brokers: Vec<kafka::Broker>,
    redis: stores::Redis,
    shards: Vec<stores::Shard>,
    ingest: Vec<ingest::Process>,
    prometheus: Option<Prometheus>,
    file_secrets: Vec<FileSecret>,
    volumes: Vec<String>,
}

/// A variable that must be set.
#[derive(Debug, Serialize)]
struct Asked {
    variable: &'static str,
    about: &'static str,
}

/// A secret that a container reads as a file.
#[derive(Debug, Serialize)]
struct FileSecret {
    name: &'static str,
    /// `environment` or `file`.
    from: &'static str,
    value: &'static str,
}

/// `value` is YAML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Setting {
    name: String,
    value: String,
    comments: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Prometheus {
    image: &'static str,
    exporter: &'static str,
    /// Null: no dashboards.
    grafana: Option<&'static str>,
    retention: String,
    port: u16,
}

#[derive(Debug, Serialize)]
struct DataSource {
    header: String,
    port: u16,
    scrape_interval: String,
}

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let spec = input.spec;
    if spec.kafka.is_none() && spec.buffer.is_none() && spec.aurora.is_none() {
        return Ok(Vec::new());
    }
    let values = values(input);
    let mut files = vec![File {
        path: "compose.yaml".into(),
        text: TEMPLATES.fill("compose/compose.yaml", &values)?,
    }];
    // The files of a local plan name this machine's ports; containers get some with names.
    if spec.target == Target::Local {
        files.extend(redis::files_with_names(input)?);
    }
    if let Some(text) = scraping(input, jobs(spec, &values))? {
        files.push(File {
            path: "prometheus.yml".into(),
            text,
        });
    }
    if let (Some(monitoring), Some(Prometheus { grafana: Some(_), .. })) =
        (&spec.monitoring, &values.prometheus)
    {
        let source = DataSource {
            header: input.header(),
            port: monitoring.port.get(),
            scrape_interval: monitoring.scrape_interval.to_string(),
        };
        for name in ["grafana-dashboards.yaml", "grafana-datasources.yaml"] {
            files.push(File {
                path: name.into(),
                text: TEMPLATES.fill(&format!("compose/{name}"), &source)?,
            });
        }
    }
    Ok(files)
}

fn values(input: &Input<'_>) -> Values {
    let spec = input.spec;
    let redis = stores::redis(input);
    let mut values = Values {
        header: input.header(),
        project: spec.metadata.name.as_str().to_owned(),
        secrets: Vec::new(),
        comments: Vec::new(),
        zookeeper: kafka::zookeeper(input),
        brokers: kafka::brokers(input),
        shards: stores::shards(input),
        ingest: ingest::processes(input),
        prometheus: spec.monitoring.as_ref().map(|monitoring| Prometheus {
            image: PROMETHEUS,
            exporter: REDIS_EXPORTER,
            grafana: (monitoring.dashboards && spec.ingest.is_some()).then_some(GRAFANA),
            retention: monitoring.retention.to_string(),
            port: monitoring.port.get(),
        }),
        file_secrets: Vec::new(),
        volumes: Vec::new(),
        redis,
    };
    secrets(&mut values);
    values.volumes = volumes(&values);
    values
}

/// What the services above ask for.
fn secrets(values: &mut Values) {
    let mut asked = |wanted: bool, variable, about| {
        if wanted {
            values.secrets.push(Asked { variable, about });
        }
    };
    let redis = values.redis.password || values.redis.sentinel_password;
    let grafana = values.prometheus.as_ref().is_some_and(|it| it.grafana.is_some());
    let ingest = !values.ingest.is_empty();
    asked(
        !values.shards.is_empty(),
        "POSTGRES_PASSWORD",
        "of the shards, without quotes",
    );
    asked(redis, "REDIS_PASSWORD", "of the buffer, without blanks");
    asked(
        ingest,
        "INGEST_API_KEYS",
        "path of a file that `vvbill-ingest key create` wrote, readable by user 65532",
    );
    asked(grafana, "GRAFANA_PASSWORD", "of Grafana's admin");
    if redis {
        values.file_secrets.push(FileSecret {
            name: "redis_password",
            from: "environment",
            value: "REDIS_PASSWORD",
        });
    }
    if ingest {
        values.file_secrets.push(FileSecret {
            name: "api_keys",
            from: "file",
            value: "${INGEST_API_KEYS:?a file that vvbill-ingest key create wrote}",
        });
    }
}

fn volumes(values: &Values) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if values.zookeeper.is_some() {
        names.extend(["zookeeper-data".to_owned(), "zookeeper-logs".to_owned()]);
    }
    let servers = (values.brokers.iter().map(|broker| &broker.name))
        .chain(values.redis.servers.iter().map(|server| &server.name))
        .chain(&values.redis.sentinels)
        .chain(values.shards.iter().map(|shard| &shard.name));
    names.extend(servers.map(|name| format!("{name}-data")));
    if let Some(prometheus) = &values.prometheus {
        names.push("prometheus-data".to_owned());
        names.extend(prometheus.grafana.map(|_| "grafana-data".to_owned()));
    }
    names
}

/// What Prometheus scrapes: each container of a service is an address of its name.
fn jobs(spec: &Spec, values: &Values) -> Vec<Job> {
    let port = spec.monitoring.as_ref().map_or(9_090, |it| it.port.get());
    let mut jobs = vec![Job::addresses("prometheus", vec![format!("127.0.0.1:{port}")])];
    if let Some(ingest) = &spec.ingest {
        jobs.push(Job::host(ingest::API, ingest::API, ingest.port.get()));
        let port = ingest.metrics_port.get();
        jobs.push(Job::host(ingest::WORKER, ingest::WORKER, port));
    }
    let servers = values.redis.servers.iter();
    let exporters: Vec<String> = servers
        .map(|server| format!("{}-exporter:{REDIS_EXPORTER_PORT}", server.name))
        .collect();
    if !exporters.is_empty() {
        jobs.push(Job::addresses("redis", exporters));
    }
    jobs
}

/// Text as a YAML value in a compose file: numbers are plain, and `$` stands for itself.
fn yaml(text: &str) -> String {
    let number = !text.is_empty() && text.len() < 16 && text.chars().all(|c| c.is_ascii_digit());
    if number {
        text.to_owned()
    } else {
        Value::from(text.replace('$', "$$")).to_string()
    }
}

fn setting(name: impl Into<String>, value: impl AsRef<str>) -> Setting {
    Setting {
        name: name.into(),
        value: yaml(value.as_ref()),
        comments: Vec::new(),
    }
}
