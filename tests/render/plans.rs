//! The repository's plans, rendered in this process.

use std::path::Path;

use vvbill::render::{File, Format, Input, render};
use vvbill::spec::{self, Diagnostic, Overrides, Spec, rules};
use vvbill::state::State;

/// The plan `plans/NAME.yaml` with what rules say of it on a fixed day.
pub(crate) fn plan(name: &str) -> (Spec, Vec<Diagnostic>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let path = folder.join(format!("{name}.yaml"));
    let mut read = |name: &str| std::fs::read(name).map_err(|why| why.to_string());
    let loaded = spec::load(&path.to_string_lossy(), &Overrides::default(), &mut read)
        .unwrap_or_else(|problems| panic!("{name}: {:?}", problems.diagnostics));
    let context = rules::Context {
        today: "2026-11-24".parse().unwrap(),
    };
    let findings = rules::check(&loaded, &context);
    (loaded.spec, findings)
}

/// Its files of these formats.
pub(crate) fn files(name: &str, formats: &[Format]) -> Vec<File> {
    files_with(name, formats, None)
}

/// The same with ids and endpoints from a state.
pub(crate) fn files_with(name: &str, formats: &[Format], state: Option<&State>) -> Vec<File> {
    let (spec, findings) = plan(name);
    let input = Input {
        spec: &spec,
        findings: &findings,
        state,
    };
    render(&input, formats).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// Its files of these formats in a folder, which goes with what is answered.
pub(crate) fn folder(name: &str, formats: &[Format]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files(name, formats) {
        let path = folder.path().join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.text).unwrap();
    }
    folder
}
