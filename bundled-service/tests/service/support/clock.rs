//! A date for processes under test, that can be set while they run.

use super::world::World;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::PathBuf,
    process::Command,
};

/// What `clock.c`, preloaded, moves dates by.
pub(crate) struct Clock {
    library: PathBuf,
    path: PathBuf,
    file: File,
}

impl Clock {
    pub(crate) fn new(world: &World) -> Self {
        let (source, library) = (world.file("clock.c"), world.file("clock.so"));
        fs::write(&source, include_str!("clock.c")).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-Werror", "-fPIC", "-shared", "-o"]);
        let compiled = compiler.arg(&library).arg(&source).output();
        let compiled = compiled.expect("cc not found: run `cargo xtask setup`");
        assert!(
            compiled.status.success(),
            "{}",
            String::from_utf8_lossy(&compiled.stderr)
        );
        let path = world.file("clock");
        fs::write(&path, 0_i64.to_ne_bytes()).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        Self { library, path, file }
    }

    /// So many seconds ahead of the machine's.
    pub(crate) fn set(&self, seconds: i64) {
        // In place: processes have it mapped.
        self.file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// For a process that goes by it.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("VVBILL_TEST_CLOCK", self.path.display().to_string()),
        ]
    }
}
