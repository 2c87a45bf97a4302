//! gunicorn judges its settings.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use vvbill::render::Format;

use crate::plans::folder;

/// Protects: gunicorn takes the file, and the application, and has the plan's numbers.
#[test]
fn gunicorn_takes_its_settings() {
    for (plan, workers) in [
        ("specification", "multiprocessing.cpu_count() * 2 + 1"),
        ("production", "8"),
        ("staging", "8"),
    ] {
        let folder = folder(plan, &[Format::Gunicorn]);
        let settings = folder.path().join("gunicorn/gunicorn_config.py");
        let text = fs::read_to_string(&settings).unwrap();
        assert!(
            text.contains(&format!("\nworkers = {workers}\n")),
            "{plan}: {text}"
        );
        fs::write(
            folder.path().join("app.py"),
            "async def app(scope, receive, send):\n    pass\n",
        )
        .unwrap();
        // --print-config prints what was understood, and ends as --check-config does.
        let output = Command::new(gunicorn())
            .args(["--print-config", "--config"])
            .arg(&settings)
            .arg("app:app")
            .current_dir(folder.path())
            .output()
            .unwrap_or_else(|why| {
                panic!(
                    "{} can't be started: {why}; run `cargo xtask setup`",
                    gunicorn().display()
                )
            });
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{plan}: {told}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        for (name, value) in [
            ("worker_connections", "1000"),
            ("timeout", "30"),
            ("graceful_timeout", "30"),
            ("max_requests", "1000"),
            ("max_requests_jitter", "50"),
            ("preload_app", "True"),
        ] {
            let line = told
                .lines()
                .find(|line| line.split_whitespace().next() == Some(name));
            assert!(
                line.is_some_and(|line| line.ends_with(&format!("= {value}"))),
                "{plan}: {name}: {line:?}"
            );
        }
    }
}

/// In the environment that `cargo xtask setup` makes.
fn gunicorn() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("vvbill/gunicorn/bin/gunicorn")
}
