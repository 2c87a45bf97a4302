//! Keeps the tree as ARCHITECTURE.md describes it: layers, sizes, headings, and what must not be there.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// What a module of the library may name of its siblings. `cli` stands above all and may name any.
const LAYERS: &[(&str, &[&str])] = &[
    ("resource", &[]),
    ("endpoints", &[]),
    ("templates", &[]),
    ("spec", &[]),
    ("provider", &["resource", "endpoints", "templates"]),
    (
        "topology",
        &["spec", "resource", "endpoints", "provider", "state", "templates"],
    ),
    ("cost", &["spec", "resource"]),
    ("render", &["spec", "resource", "topology", "state", "templates"]),
    ("state", &["resource"]),
    ("plan", &["resource", "provider", "state"]),
    ("apply", &["resource", "provider", "state", "plan"]),
    ("load", &["endpoints"]),
    ("leaders", &["endpoints"]),
    ("image", &[]),
    (
        "failover",
        &["resource", "endpoints", "provider", "state", "load"],
    ),
    (
        "drill",
        &[
            "spec",
            "resource",
            "endpoints",
            "provider",
            "state",
            "load",
            "leaders",
            "failover",
        ],
    ),
    (
        "rollout",
        &[
            "spec",
            "resource",
            "endpoints",
            "provider",
            "state",
            "load",
            "leaders",
            "drill",
            "render",
        ],
    ),
    ("slo", &["spec", "endpoints", "drill", "rollout"]),
];

/// Modules without IO, clocks, threads or async.
const PURE: &[&str] = &[
    "resource.rs",
    "endpoints.rs",
    "templates.rs",
    "spec/",
    "topology/",
    "cost/",
    "render/",
    "plan/",
];
const IMPURE_WORDS: &[&str] = &[
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::process",
    "std::thread",
    "tokio::",
    "async fn",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
];

/// A file is one idea.
const LINES_AT_MOST: usize = 500;

#[test]
fn no_module_calls_one_before_it() {
    for (module, may_name) in LAYERS {
        for (path, text) in sources_of(module) {
            for named in text.split("crate::").skip(1).map(first_word) {
                let is_module = LAYERS.iter().any(|(other, _)| *other == named) || named == "cli";
                let allowed = named == *module || may_name.contains(&named);
                assert!(
                    !is_module || allowed,
                    "{}: `{module}` must not name `crate::{named}`",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_module_of_the_library_has_its_layer() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for module in library.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = module.trim_end_matches(';');
        assert!(
            module == "cli" || LAYERS.iter().any(|(name, _)| *name == module),
            "`{module}` has no line in LAYERS"
        );
    }
}

#[test]
fn pure_modules_do_no_io() {
    for (path, text) in rust_files(&root().join("src")) {
        let relative = path
            .strip_prefix(root().join("src"))
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if !PURE.iter().any(|pure| relative.starts_with(pure)) {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in IMPURE_WORDS {
            assert!(!code.contains(word), "{}: pure, but has `{word}`", path.display());
        }
    }
}

#[test]
fn sdk_types_stay_in_their_provider() {
    for (path, text) in rust_files(&root().join("src")) {
        let place = path.to_string_lossy().into_owned();
        assert!(
            !text.contains("aws_sdk_")
                || ["provider/aws", "state/store/s3"]
                    .iter()
                    .any(|home| place.contains(home)),
            "{place} names an AWS SDK crate"
        );
        assert!(
            !text.contains("kube::") || place.contains("provider/kubernetes"),
            "{place} names kube"
        );
    }
}

#[test]
fn every_file_says_what_it_is_for_and_is_one_idea() {
    for (path, text) in all_rust() {
        let count = text.lines().count();
        assert!(
            count <= LINES_AT_MOST,
            "{} has {count} lines: split it by idea",
            path.display()
        );
        assert!(
            text.starts_with("//!"),
            "{} does not open with `//!`",
            path.display()
        );
    }
}

#[test]
fn nothing_is_stubbed_ignored_or_tied_to_one_machine() {
    let forbidden = [
        concat!("#[ign", "ore"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("\"/ro", "ot/"),
        concat!("/wo", "rk/"),
    ];
    for (path, text) in all_rust() {
        for word in forbidden {
            assert!(!text.contains(word), "{} has `{word}`", path.display());
        }
    }
}

#[test]
fn architecture_names_every_module_and_no_other() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (module, _) in LAYERS {
        if !sources_of(module).is_empty() {
            assert!(
                text.contains(&format!("`src/{module}")),
                "ARCHITECTURE.md does not speak of src/{module}"
            );
        }
    }
    for named in text.split("`src/").skip(1) {
        let path = named.split('`').next().unwrap();
        assert!(
            root().join("src").join(path).exists(),
            "ARCHITECTURE.md speaks of src/{path}, which is not there"
        );
    }
}

#[test]
fn every_command_of_the_readme_runs_in_ci() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    let mut inside = false;
    let mut count = 0;
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let command = line.split(" #").next().unwrap().trim();
            assert!(
                ci.contains(command),
                ".ci/run does not run `{command}` of README.md"
            );
            count += 1;
        }
    }
    assert!(count > 1, "README.md has no commands");
}

/// An example that nobody runs is wrong after the next change. Programs in Rust are run by what is built on them.
#[test]
fn every_example_runs_in_ci() {
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    let lint = fs::read_to_string(root().join("xtask/src/lint.rs")).unwrap();
    let examples = files_below(&root().join("examples"));
    assert!(examples.iter().any(|path| path.ends_with("examples/ci/plan.sh")));
    for path in examples {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        // Pipelines run on other people's machines; they are linted, and the scripts that they call run here.
        let pipeline = name.starts_with("examples/ci/") && name.ends_with(".yaml") && lint.contains(&name);
        assert!(
            name.ends_with(".rs") || pipeline || ci.contains(&name),
            ".ci/run does not run {name}"
        );
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn all_rust() -> Vec<(PathBuf, String)> {
    ["src", "bundled-service", "revision", "xtask", "tests"]
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .collect()
}

fn sources_of(module: &str) -> Vec<(PathBuf, String)> {
    let file = root().join(format!("src/{module}.rs"));
    let mut found = rust_files(&root().join("src").join(module));
    if let Ok(text) = fs::read_to_string(&file) {
        found.push((file, text));
    }
    found
}

fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// What a run leaves behind (`.vvbill`) is not the tree's.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let kept = entries.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    kept.flat_map(|path| match path.is_dir() {
        true => files_below(&path),
        false => vec![path],
    })
    .collect()
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default()
}
