//! Manual pages and versions: what packages and people that report a fault take from the binary.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::binary::Folder;

/// The names of pages: `vvbill`, `vvbill-plan`, `vvbill-state-list`.
fn pages(command: &clap::Command, name: &str, found: &mut BTreeSet<String>) {
    found.insert(format!("{name}.1"));
    for inner in command.get_subcommands() {
        pages(inner, &format!("{name}-{}", inner.get_name()), found);
    }
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|entry| name(entry.unwrap())).collect()
}

#[test]
fn there_is_a_page_for_each_command() {
    let folder = Folder::new();
    let run = folder.run(&["man", "--out-dir", "new/man1"]).expect(0);
    let mut expected = BTreeSet::new();
    pages(&vvbill::cli::command(), "vvbill", &mut expected);
    assert!(expected.contains("vvbill-state-list.1"));
    assert_eq!(files(&folder.path("new/man1")), expected);
    assert_eq!(run.stdout.lines().count(), expected.len());
    let one = folder.run(&["man", "state", "list"]).expect(0).stdout;
    assert_eq!(
        one,
        fs::read_to_string(folder.path("new/man1/vvbill-state-list.1")).unwrap()
    );
}

/// The whole of a page: a reader finds there what `--help` says.
#[test]
fn a_page_says_what_help_says() {
    let folder = Folder::new();
    assert_snapshot!("man_validate", folder.run(&["man", "validate"]).expect(0).stdout);
    let whole = folder.run(&["man"]).expect(0).stdout;
    assert!(whole.contains("vvbill\\-validate(1)") && whole.contains("Exit codes: 0 done"));
}

#[test]
fn who_asks_for_an_unknown_page_is_told_a_known_one() {
    let folder = Folder::new();
    let run = folder.run(&["man", "state", "lst"]).expect(64);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("did you mean `list`?"),
        "{}",
        run.transcript()
    );
    let run = folder.run(&["man", "plan", "file"]).expect(64);
    assert!(run.stderr.contains("`vvbill man plan`"), "{}", run.transcript());
    let run = folder.run(&["man", "everything"]).expect(64);
    assert!(run.stderr.contains("`vvbill --help`"), "{}", run.transcript());
}

/// The binary names the commit that it was compiled from, by which a fault's report finds its source.
#[test]
fn a_version_tells_builds_apart() {
    let folder = Folder::new();
    let short = folder.run(&["-V"]).expect(0).stdout;
    assert_eq!(short, concat!("vvbill ", env!("CARGO_PKG_VERSION"), "\n"));
    let long = folder.run(&["--version"]).expect(0).stdout;
    let (first, rest) = long.split_once('\n').unwrap();
    assert_eq!(format!("{first}\n"), short);
    let said = |name: &str| {
        let line = rest.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{long}")).to_owned()
    };
    let commit = said("commit: ");
    match option_env!("VVBILL_COMMIT") {
        Some(given) if !given.trim().is_empty() => assert_eq!(commit, given.trim()),
        _ => assert_eq!(commit.trim_end_matches("-dirty"), head()),
    }
    let features = said("features: ");
    assert_eq!(features.contains("aws"), cfg!(feature = "aws"), "{features}");
    let target = said("target: ");
    assert!(target.starts_with(std::env::consts::ARCH), "{target}");
}

/// What git says of the folder with the sources; `unknown` where that is no repository of its own.
fn head() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let mut git = Command::new("git");
    git.args(["-C", folder, "rev-parse", "--show-prefix", "HEAD"]);
    let said = git.output().map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8(said).unwrap();
    let hash = said.strip_prefix('\n').map(str::trim_end);
    hash.filter(|hash| hash.len() >= 40)
        .unwrap_or("unknown")
        .to_owned()
}

/// Needs no server, but a program that `cargo xtask setup` installs.
mod servers {
    use super::*;

    /// groff warns of requests that it doesn't know, as a page has them where a line's first dot slipped through.
    #[test]
    fn groff_reads_each_page_without_a_word() {
        let folder = Folder::new();
        folder.run(&["man", "--out-dir", "man1"]).expect(0);
        let read = |file: &Path| {
            let mut groff = Command::new("groff");
            // As `man` calls it.
            groff.args(["-Kutf8", "-man", "-ww", "-Tutf8"]).arg(file);
            let output = groff
                .output()
                .unwrap_or_else(|why| panic!("groff: {why}; run `cargo xtask setup`"));
            String::from_utf8(output.stderr).unwrap()
        };
        for name in files(&folder.path("man1")) {
            assert_eq!(read(&folder.path("man1").join(&name)), "", "{name}");
        }
        let broken = folder.write("broken.1", ".TH BROKEN 1\n.SH NAME\n.vvbill state\n");
        assert_ne!(read(&broken), "", "it does warn");
    }
}
