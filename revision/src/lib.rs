//! `commit!()`: the commit that a program is compiled from, as a string.
//!
//! A build script could tell the same, and would have the library and every test compiled anew after each
//! commit, for cargo rebuilds all of a package whose build script ran. A macro is read where it is used, so
//! that only `src/main.rs` follows the commit. Depends on nothing but git, and needs not even that.

use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro::TokenStream;

/// What stands for the commit of sources that are in no repository, such as an archive's.
const UNKNOWN: &str = "unknown";

/// The full hash, `HASH-dirty` where tracked files differ from it, or `unknown`.
///
/// VVBILL_COMMIT, where it is set while compiling, is taken as it is: builders that copy the sources without
/// their repository have it from there.
#[proc_macro]
pub fn commit(_: TokenStream) -> TokenStream {
    let given = std::env::var("VVBILL_COMMIT").unwrap_or_default();
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let found = folder.as_deref().and_then(Revision::of);
    let (commit, watched) = match (given.trim(), found) {
        ("", Some(found)) => (found.commit, found.watched),
        ("", None) => (UNKNOWN.to_owned(), Vec::new()),
        (given, _) => (given.to_owned(), Vec::new()),
    };
    // The compiler notes what these two read, and cargo compiles the crate again when that changes.
    let read: String = watched
        .iter()
        .map(|file| format!("include_bytes!({file:?}),"))
        .collect();
    let code = format!(
        "{{ const _: Option<&str> = option_env!(\"VVBILL_COMMIT\"); const _: &[&[u8]] = &[{read}]; {commit:?} }}"
    );
    code.parse().expect("a block of two constants and a string")
}

#[derive(Debug)]
struct Revision {
    commit: String,
    /// The files that change when HEAD does.
    watched: Vec<PathBuf>,
}

impl Revision {
    /// That of the repository whose root `folder` is: one further up is somebody else's.
    fn of(folder: &Path) -> Option<Self> {
        let git = |arguments: &[&str]| git(folder, arguments);
        let head = git(&["rev-parse", "--show-prefix", "--verify", "HEAD"])?;
        let [prefix, hash] = head.lines().collect::<Vec<_>>()[..] else {
            return None;
        };
        if !prefix.is_empty() {
            return None;
        }
        let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
        let dirty = if changed.is_empty() { "" } else { "-dirty" };
        let branch = git(&["rev-parse", "--symbolic-full-name", "HEAD"])?;
        let files = ["HEAD", branch.trim(), "packed-refs"];
        let files = files.iter().filter_map(|file| {
            // In a worktree, `.git` is a file, and the branches lie in the repository that it was made from.
            let path = git(&["rev-parse", "--git-path", file])?;
            let path = folder.join(path.trim_end());
            path.is_file().then_some(path)
        });
        Some(Self {
            commit: format!("{hash}{dirty}"),
            watched: files.collect(),
        })
    }
}

/// What git says in `folder`; nothing where there is no git, or no repository.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("--no-optional-locks").args(arguments).current_dir(folder);
    let output = git.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Revision, git};
    use std::path::{Path, PathBuf};

    /// A repository with one commit of one file; answers with its hash.
    fn repository(folder: &Path) -> String {
        std::fs::create_dir_all(folder.join("inner")).unwrap();
        std::fs::write(folder.join("inner/file"), "as committed").unwrap();
        run(folder, &["init", "--quiet", "--initial-branch=main"]);
        run(folder, &["add", "."]);
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let commit = ["-c", "commit.gpgsign=false", "commit", "--quiet", "--message=one"];
        run(folder, &[&who[..], &commit].concat());
        run(folder, &["rev-parse", "HEAD"]).trim().to_owned()
    }

    #[track_caller]
    fn run(folder: &Path, arguments: &[&str]) -> String {
        git(folder, arguments).unwrap_or_else(|| panic!("git {arguments:?} in {}", folder.display()))
    }

    fn names(revision: &Revision) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        revision.watched.iter().map(name).collect()
    }

    #[test]
    fn a_commit_is_told_with_what_differs_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let hash = repository(folder.path());
        let clean = Revision::of(folder.path()).unwrap();
        assert_eq!(clean.commit, hash);
        assert_eq!(names(&clean), ["HEAD", "main"]);
        std::fs::write(folder.path().join("inner/file"), "changed").unwrap();
        assert_eq!(
            Revision::of(folder.path()).unwrap().commit,
            format!("{hash}-dirty")
        );
    }

    /// After `git gc` a branch has no file of its own any more, and without a branch HEAD holds the hash.
    #[test]
    fn packed_and_detached_heads_are_watched() {
        let folder = tempfile::tempdir().unwrap();
        repository(folder.path());
        run(folder.path(), &["pack-refs", "--all"]);
        let packed = Revision::of(folder.path()).unwrap();
        assert_eq!(names(&packed), ["HEAD", "packed-refs"]);
        run(folder.path(), &["checkout", "--quiet", "--detach"]);
        let detached = Revision::of(folder.path()).unwrap();
        assert!(names(&detached).starts_with(&["HEAD".to_owned()]), "{detached:?}");
    }

    #[test]
    fn a_worktree_has_its_own_head() {
        let folder = tempfile::tempdir().unwrap();
        let (main, other) = (folder.path().join("main"), folder.path().join("other"));
        let hash = repository(&main);
        let path = other.to_str().unwrap();
        run(&main, &["worktree", "add", "--quiet", "-b", "topic", path]);
        let found = Revision::of(&other).unwrap();
        assert_eq!(found.commit, hash);
        assert_eq!(names(&found), ["HEAD", "topic"]);
        assert!(
            found.watched[0]
                .components()
                .any(|part| part.as_os_str() == "worktrees")
        );
    }

    /// Sources that somebody keeps inside a repository of their own are not of its commits.
    #[test]
    fn what_lies_inside_another_repository_has_no_commit() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Revision::of(folder.path()).is_none());
        repository(folder.path());
        assert!(Revision::of(&folder.path().join("inner")).is_none());
    }
}
