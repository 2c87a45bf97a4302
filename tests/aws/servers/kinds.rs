//! Each kind against the end of the process at each point of its journal: begin durable and nothing called;
//! called and no id written; id durable; ready and no end written.
//!
//! The process ends in effect: every future of the run is dropped where it stands, calls in flight included.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt};
use serde_json::json;
use tokio::sync::Notify;
use vvbill::apply::{self, Event, Interrupt, Session};
use vvbill::plan::Options;
use vvbill::resource::{Address, Desired};
use vvbill::state::store::{Blob, Expect, Fence, Object, Version};
use vvbill::state::{Entry, Store, StoreError, journal};

use super::every_kind::every_kind;
use super::rig::{Rig, dependencies_first, failures, needed_by, quick};

/// Where the process ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Point {
    Begun,
    CalledWithoutId,
    IdWritten,
    ReadyWithoutEnd,
}

const POINTS: [Point; 4] = [
    Point::Begun,
    Point::CalledWithoutId,
    Point::IdWritten,
    Point::ReadyWithoutEnd,
];

/// Protects every kind: wherever the process ends, the next run goes on from there, and in the end there is one
/// of each and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_taken_up_wherever_the_process_ends() {
    let rig = Rig::start(json!({})).await;
    let all = every_kind();
    let mut met = BTreeSet::new();
    for first in first_of_each_kind(&all) {
        for point in POINTS {
            if run_until(&rig, &all, &first, point).await {
                met.insert(first.kind().to_owned());
            }
        }
    }
    let kinds: BTreeSet<String> = all
        .iter()
        .map(|desired| desired.address.kind().to_owned())
        .collect();
    assert_eq!(met, kinds, "some kinds were never interrupted");
    rig.converge(&all, 3).await;
    rig.assert_settled(&all).await;
    let outcome = rig.destroy().await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    let left = rig.unexplained();
    assert!(left.is_empty(), "made twice or orphaned:\n{}", left.join("\n"));
}

/// In the order in which they are made, so that each is still to be made when its turn comes.
fn first_of_each_kind(all: &[Desired]) -> Vec<Address> {
    let mut kinds = BTreeSet::new();
    let ordered = dependencies_first(all)
        .into_iter()
        .map(|desired| &desired.address);
    ordered
        .filter(|address| kinds.insert(address.kind().to_owned()))
        .cloned()
        .collect()
}

/// True where the run ended at that point; false where it came to its own end before.
async fn run_until(rig: &Rig, all: &[Desired], address: &Address, point: Point) -> bool {
    let store = Arc::new(Dying {
        inner: rig.store.clone(),
        address: address.clone(),
        point,
        operation: Mutex::new(None),
        died: Notify::new(),
    });
    let needed = needed_by(all, address);
    let providers = rig.providers.clone();
    let dying: Arc<dyn Store> = store.clone();
    // Without a lock: its holder, this process, is seen to live on.
    let mut session = Session::open(dying, None, &|_: &Event| {}).await.unwrap();
    let plan = rig
        .plan_in(&mut session, &needed, &Options::default(), false)
        .await;
    let interrupt = Interrupt::new();
    let options = quick();
    let run = async {
        let done = apply::apply(
            &mut session,
            &providers,
            &plan,
            &options,
            &|_: &Event| {},
            &interrupt,
        )
        .await;
        done.map(|outcome| failures(&outcome))
    };
    // The branch that loses is dropped where it stands.
    tokio::select! {
        () = store.died.notified() => true,
        done = run => {
            let done = done.unwrap_or_else(|why| panic!("{why}"));
            println!("{address} was not interrupted at {point:?}: {done}");
            false
        }
    }
}

/// A store after which nothing happens any more, once it has come to its point.
struct Dying {
    inner: Arc<dyn Store>,
    address: Address,
    point: Point,
    /// The number of the operation that makes the resource.
    operation: Mutex<Option<u64>>,
    died: Notify,
}

impl Dying {
    /// Whether these entries come to the point, and if so whether they are still written.
    fn judge(&self, bytes: &[u8]) -> Option<bool> {
        for entry in journal::decode(bytes).unwrap() {
            let mut operation = self.operation.lock().unwrap();
            match entry {
                Entry::Begin(begun) if begun.address == self.address => {
                    *operation = Some(begun.number);
                    // An adoption has its id already: it comes to the last point only.
                    if self.point == Point::Begun
                        || begun.id.is_some() && self.point != Point::ReadyWithoutEnd
                    {
                        return Some(true);
                    }
                }
                Entry::Id { operation: of, .. } if Some(of) == *operation => match self.point {
                    Point::CalledWithoutId => return Some(false),
                    Point::IdWritten => return Some(true),
                    _ => {}
                },
                Entry::End { operation: of, .. } if Some(of) == *operation => return Some(false),
                _ => {}
            }
        }
        None
    }
}

impl Store for Dying {
    fn place(&self, object: &Object) -> String {
        self.inner.place(object)
    }

    fn journal_place(&self) -> String {
        self.inner.journal_place()
    }

    fn read<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        self.inner.read(object)
    }

    fn write<'a>(
        &'a self,
        object: &'a Object,
        bytes: Vec<u8>,
        expect: Expect,
        fence: &'a Fence,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.inner.write(object, bytes, expect, fence)
    }

    fn remove<'a>(&'a self, object: &'a Object, expect: Expect) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.remove(object, expect)
    }

    fn read_journal(&self) -> BoxFuture<'_, Result<Vec<u8>, StoreError>> {
        self.inner.read_journal()
    }

    fn append<'a>(&'a self, bytes: Vec<u8>, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let judged = self.judge(&bytes);
            if judged != Some(false) {
                self.inner.append(bytes, fence).await?;
            }
            if judged.is_some() {
                self.died.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(())
        }
        .boxed()
    }

    fn archive_journal<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.archive_journal(fence)
    }
}
