//! `gunicorn/`: the application server's settings.

use serde::Serialize;

use super::{Error, File, Input, field};
use crate::spec::{Duration, Gunicorn, WorkerCount};
use crate::templates::{Templates, sources};

static TEMPLATES: Templates = Templates::new(sources!["gunicorn/gunicorn_config.py"]);

/// What the template is filled with.
#[derive(Debug, Serialize)]
struct Values {
    header: String,
    /// Whether the workers depend on the processors.
    per_cpu: bool,
    sections: Vec<Section>,
}

#[derive(Debug, Serialize)]
struct Section {
    title: &'static str,
    settings: Vec<Setting>,
}

/// `value` is Python.
#[derive(Debug, Serialize)]
struct Setting {
    name: &'static str,
    value: String,
    comments: Vec<String>,
}

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let Some(gunicorn) = &input.spec.gunicorn else {
        return Ok(Vec::new());
    };
    let values = Values {
        header: input.header(),
        per_cpu: matches!(gunicorn.workers, WorkerCount::PerCpu { .. }),
        sections: sections(input, gunicorn),
    };
    Ok(vec![File {
        path: "gunicorn_config.py".into(),
        text: TEMPLATES.fill("gunicorn/gunicorn_config.py", &values)?,
    }])
}

fn sections(input: &Input<'_>, gunicorn: &Gunicorn) -> Vec<Section> {
    // Settings and fields have the same names, but for the logs.
    let named = |name, key, value| Setting {
        name,
        value,
        comments: input.comments(&field("gunicorn").key(key)),
    };
    let same = |name: &'static str, value| named(name, name, value);
    let log_level = serde_json::to_string(&gunicorn.log_level).expect("a level is a word");
    vec![
        Section {
            title: "Workers",
            settings: vec![
                same("workers", workers(gunicorn.workers)),
                same("worker_class", quoted(&gunicorn.worker_class)),
                same("worker_connections", gunicorn.worker_connections.to_string()),
            ],
        },
        Section {
            title: "Timeouts, in seconds",
            settings: vec![
                same("timeout", seconds(gunicorn.timeout)),
                same("keepalive", seconds(gunicorn.keepalive)),
                same("graceful_timeout", seconds(gunicorn.graceful_timeout)),
            ],
        },
        Section {
            title: "Performance",
            settings: vec![
                same("max_requests", gunicorn.max_requests.to_string()),
                same("max_requests_jitter", gunicorn.max_requests_jitter.to_string()),
                same(
                    "preload_app",
                    if gunicorn.preload_app { "True" } else { "False" }.into(),
                ),
            ],
        },
        Section {
            title: "Logging",
            settings: vec![
                named(
                    "accesslog",
                    "access_log",
                    gunicorn.access_log.as_deref().map_or("None".into(), quoted),
                ),
                named("errorlog", "error_log", quoted(&gunicorn.error_log)),
                named("loglevel", "log_level", log_level),
            ],
        },
    ]
}

/// As the specification writes it.
fn workers(workers: WorkerCount) -> String {
    match workers {
        WorkerCount::Fixed(count) => count.to_string(),
        WorkerCount::PerCpu { times, plus } => format!("multiprocessing.cpu_count() * {times} + {plus}"),
    }
}

/// gunicorn counts whole seconds; a part of one is a whole one.
fn seconds(time: Duration) -> String {
    time.as_micros().div_ceil(1_000_000).to_string()
}

/// JSON's strings are Python's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
