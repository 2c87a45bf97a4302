//! Week 5: what runs is tuned as the plan says, and watched.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use serde_json::Value;

use super::alerts;
use super::dashboards::Dashboards;
use super::model::Measure;
use super::prometheus::Prometheus;
use super::sql::{self, Setting};
use super::step::{Scene, Step, Trouble};
use crate::spec::{Section, Spec, Target};

pub(super) fn steps() -> Vec<Arc<dyn Step>> {
    let own: Vec<Arc<dyn Step>> = vec![
        Arc::new(Kernel),
        Arc::new(DatabaseParameters),
        Arc::new(ScrapeTargets),
        Arc::new(Dashboards),
    ];
    [own, alerts::steps()].concat()
}

const HOME: &str = "week-5";

struct Kernel;

impl Step for Kernel {
    fn name(&self) -> &'static str {
        "sysctl"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "the kernel has the plan's settings"
    }

    fn proves(&self) -> &'static str {
        "each setting of `operating_system.sysctl`, read from the kernel that runs here; those of a cluster's nodes \
         can't be read, which the step says"
    }

    fn sections(&self) -> &'static [Section] {
        &[Section::OperatingSystem]
    }

    fn skipped(&self, spec: &Spec) -> Option<String> {
        let asked = &spec.operating_system.sysctl;
        asked
            .is_empty()
            .then(|| "the plan asks nothing of a kernel (`operating_system.sysctl`)".into())
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let asked = &scene.spec.operating_system.sysctl;
            match scene.spec.target {
                Target::Local => Ok(kernel_measures(asked, &|name| {
                    kernel(Path::new("/proc/sys"), name)
                })),
                Target::Aws => Err(Trouble(
                    "the kernels of a cluster's nodes can't be read from here: look on each by `kubectl debug \
                     node/NAME --image=busybox -- sysctl NAME`, and go on by `--force`, which is kept"
                        .into(),
                )),
            }
        }
        .boxed()
    }
}

/// A setting as the kernel shows it below `root`; none where it has no such setting.
fn kernel(root: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(root.join(name.replace('.', "/"))).ok()
}

fn kernel_measures(asked: &BTreeMap<String, String>, found: &dyn Fn(&str) -> Option<String>) -> Vec<Measure> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    asked
        .iter()
        .map(|(name, wanted)| Measure::equal(name, found(name).map(|text| words(&text)), words(wanted)))
        .collect()
}

struct DatabaseParameters;

/// What no ledger does without, whatever a plan says.
const DURABLE: [(&str, &str); 3] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
];

impl Step for DatabaseParameters {
    fn name(&self) -> &'static str {
        "database-parameters"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "every shard runs with the plan's parameters"
    }

    fn proves(&self) -> &'static str {
        "each value of `aurora.parameters`, and what keeps a commit durable, as each running server has it; servers \
         compare units themselves"
    }

    fn sections(&self) -> &'static [Section] {
        &[Section::Aurora]
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let plan = scene.spec.aurora.as_ref();
            let plan = plan.ok_or_else(|| Trouble("the plan has no aurora".into()))?;
            let mut wanted: BTreeMap<&str, &str> = DURABLE.into_iter().collect();
            wanted.extend(plan.parameters.iter().map(|(name, value)| (&**name, &**value)));
            let mut measures = Vec::new();
            for shard in sql::all(&scene.endpoints).await? {
                for (name, value) in &wanted {
                    let found = shard.setting(name, value).await?;
                    measures.push(parameter(shard.number(), name, value, found));
                }
            }
            Ok(measures)
        }
        .boxed()
    }
}

fn parameter(shard: u16, name: &str, wanted: &str, found: Option<Setting>) -> Measure {
    let Some(found) = found else {
        return Measure::equal(format!("shard {shard} {name}"), Value::Null, wanted);
    };
    if wanted.contains('{') {
        // Only the service knows what its formula comes to: that the value is no default can be seen.
        let name = format!("shard {shard} {name} is {}, by `{wanted}`: set by", found.shown);
        return Measure::equal(name, found.source, "configuration file");
    }
    let shown = if found.is_same {
        wanted.to_owned()
    } else {
        found.shown
    };
    Measure::equal(format!("shard {shard} {name}"), shown, wanted)
}

struct ScrapeTargets;

impl Step for ScrapeTargets {
    fn name(&self) -> &'static str {
        "scrape-targets"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "Prometheus scrapes every process of the service"
    }

    fn proves(&self) -> &'static str {
        "each target of Prometheus is up at its last scrape, and there are as many as the plan has processes"
    }

    fn sections(&self) -> &'static [Section] {
        &[Section::Monitoring, Section::Ingest]
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let targets = Prometheus::of(&scene.endpoints)?.targets().await?;
            let down = targets.iter().filter(|target| target.health != "up");
            let down: Vec<String> = down
                .map(|target| format!("{} ({} {})", target.scrape_url, target.health, target.last_error))
                .collect();
            let ingest = scene.spec.ingest.as_ref();
            let processes = ingest.map_or(0, |ingest| ingest.api_replicas + ingest.worker_replicas);
            Ok(vec![
                Measure::at_least(
                    "targets that are scraped",
                    targets.len() as f64,
                    f64::from(processes),
                ),
                Measure::equal("targets that are not up", down.join("; "), ""),
            ])
        }
        .boxed()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn misses(measures: &[Measure]) -> Vec<String> {
        let missed = measures.iter().filter(|measure| !measure.holds);
        missed.map(Measure::sentence).collect()
    }

    /// A setting that was not applied, one that this kernel doesn't have, and one of several numbers.
    #[test]
    fn a_setting_that_the_kernel_does_not_have_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("net/ipv4")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("net/ipv4/tcp_tw_reuse", "2\n");
        write("net/ipv4/ip_local_port_range", "1024\t65535\n");
        let measures = |asked: &[(&str, &str)]| {
            let asked = asked
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()));
            kernel_measures(&asked.collect(), &|name| kernel(folder.path(), name))
        };
        let right = [
            ("net.ipv4.tcp_tw_reuse", "2"),
            ("net.ipv4.ip_local_port_range", "1024 65535"),
        ];
        assert_eq!(misses(&measures(&right)), [""; 0]);
        assert_eq!(
            misses(&measures(&[
                ("net.ipv4.tcp_tw_reuse", "1"),
                ("vm.swappiness", "10")
            ])),
            [
                "net.ipv4.tcp_tw_reuse is 2, must be 1",
                "vm.swappiness is none, must be 10"
            ]
        );
    }

    #[test]
    fn a_parameter_is_compared_as_its_server_says() {
        let found = |shown: &str, is_same: bool| {
            Some(Setting {
                shown: shown.into(),
                source: "default".into(),
                is_same,
            })
        };
        let told = |wanted: &str, found: Option<Setting>| {
            let measure = parameter(1, "shared_buffers", wanted, found);
            (measure.holds, measure.sentence())
        };
        assert!(told("131072kB", found("128MB", true)).0);
        assert_eq!(
            told("256MB", found("128MB", false)),
            (false, "shard 1 shared_buffers is 128MB, must be 256MB".into())
        );
        assert_eq!(
            told("1", None),
            (false, "shard 1 shared_buffers is none, must be 1".into())
        );
        let formula = told("{DBInstanceClassMemory/32768}", found("128MB", false));
        assert!(
            !formula.0
                && formula
                    .1
                    .ends_with("set by is default, must be configuration file")
        );
    }
}
