//! No room: the disk is full, at any write.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use vvbill::apply::{ApplyError, Event, Session, SessionError};
use vvbill::plan::Options;
use vvbill::state::store::{Blob, Expect, Fence, Object, Version};
use vvbill::state::{FileStore, Store, StoreError};

use crate::rig::{Rig, lock, mutated, quick, random, random_platform, seed};

/// A file store whose disk fills up: from some write on for some writes, nothing fits.
struct Filling {
    store: FileStore,
    room: AtomicUsize,
    writes: AtomicUsize,
    full_for: usize,
}

impl Filling {
    fn fits(&self, place: String) -> Result<(), StoreError> {
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let room = self.room.load(Ordering::Relaxed);
        if (room..room + self.full_for).contains(&number) {
            return Err(StoreError::Full {
                place,
                why: "no space left on device".into(),
            });
        }
        Ok(())
    }
}

impl Store for Filling {
    fn place(&self, object: &Object) -> String {
        self.store.place(object)
    }

    fn journal_place(&self) -> String {
        self.store.journal_place()
    }

    fn read<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        self.store.read(object)
    }

    fn write<'a>(
        &'a self,
        object: &'a Object,
        bytes: Vec<u8>,
        expect: Expect,
        fence: &'a Fence,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        if *object == Object::Lock {
            return self.store.write(object, bytes, expect, fence);
        }
        match self.fits(self.place(object)) {
            Ok(()) => self.store.write(object, bytes, expect, fence),
            Err(full) => async { Err(full) }.boxed(),
        }
    }

    fn remove<'a>(&'a self, object: &'a Object, expect: Expect) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store.remove(object, expect)
    }

    fn read_journal(&self) -> BoxFuture<'_, Result<Vec<u8>, StoreError>> {
        self.store.read_journal()
    }

    fn append<'a>(&'a self, bytes: Vec<u8>, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        match self.fits(self.journal_place()) {
            Ok(()) => self.store.append(bytes, fence),
            Err(full) => async { Err(full) }.boxed(),
        }
    }

    fn archive_journal<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store.archive_journal(fence)
    }
}

/// Protects: a disk that is full at any one write, for a moment or for good, costs an error that says so
/// and no record: the next run, with room, converges.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_at_any_write_loses_no_record() {
    let seed = seed();
    let mut random = random(seed);
    for full_for in [1, usize::MAX / 2] {
        let mut rig = Rig::new(seed);
        let first = random_platform(&mut random, 6);
        // One mutation alone may come to hardly a write.
        let changed = (0..4).fold(first.clone(), |platform, _| mutated(&mut random, &platform));
        let platforms = [changed, first];
        let (mut failures, mut unreached) = (0, 0);
        for room in 0..200 {
            let platform = &platforms[room % 2];
            let filling: Arc<Filling> = Arc::new(Filling {
                store: FileStore::new(rig.path()),
                room: AtomicUsize::new(room / 2),
                writes: AtomicUsize::new(0),
                full_for,
            });
            let result = attempt(&rig, filling.clone(), platform).await;
            let reached = filling.writes.load(Ordering::Relaxed) > room / 2;
            match result {
                Err(message) => {
                    failures += 1;
                    assert!(message.contains("no space"), "{message}");
                }
                Ok(()) => assert!(!reached, "write {} failed and nobody said so", room / 2),
            }
            rig = rig.reopen(seed);
            rig.converge(platform, 3).await;
            rig.judge(platform).await;
            // Either platform may have fewer writes than there is room for, and the other not.
            unreached = if reached { 0 } else { unreached + 1 };
            if unreached >= 2 && room > 2 {
                break;
            }
        }
        assert!(failures > 5, "only {failures} writes failed");
    }
}

async fn attempt(
    rig: &Rig,
    store: Arc<Filling>,
    platform: &[vvbill::resource::Desired],
) -> Result<(), String> {
    let explain = |error: SessionError| error.to_string();
    let mut session = Session::open(store, Some(lock("test")), &|_: &Event| {})
        .await
        .map_err(explain)?;
    let plan = rig
        .plan_in(&mut session, platform, &Options::default())
        .await
        .unwrap();
    let result = rig.apply_in(&mut session, &plan, &quick()).await;
    session.close().await.unwrap();
    match result {
        Ok(_) => Ok(()),
        Err(error @ ApplyError::Store { .. }) => Err(error.to_string()),
        Err(error) => panic!("{error}"),
    }
}

/// Protects: a real file-size limit is met like a full disk (no panic, no signal, a message, no loss).
#[test]
fn a_real_limit_of_file_size_loses_no_record() {
    let seed = seed();
    if crate::crash::is_child() {
        return crate::crash::child();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rig = Rig::new(seed);
    let platform = crate::crash::platform(2, 40);
    let (mut failures, mut blocks) = (0, 1);
    loop {
        let me = std::env::current_exe().unwrap();
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = std::process::Command::new("bash");
        command.args(["-c", &script]).arg(me);
        let output = crate::crash::child_command(command, "full::a_real_limit_of_file_size_loses_no_record")
            .env("VVBILL_TEST_CHILD", rig.path())
            .env("VVBILL_TEST_PLATFORM", "2")
            .env("VVBILL_TEST_COUNT", "40")
            .env("VVBILL_TEST_WORLD", rig.file("world"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            break;
        }
        failures += 1;
        assert!(
            text.contains("no space to write") || text.contains("world"),
            "{text}"
        );
        blocks *= 2;
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(failures >= 2, "the limit was never met");
    runtime.block_on(async {
        let rig = rig.reopen(seed);
        rig.converge(&platform, 3).await;
        rig.judge(&platform).await;
    });
}
