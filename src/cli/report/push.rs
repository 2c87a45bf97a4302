//! A push as it goes: bars on a terminal, lines elsewhere.

use std::cell::RefCell;
use std::collections::BTreeMap;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::Report;
use crate::image::Event;

/// `12.3 MiB`
pub(crate) fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// Tells of the blobs of one push.
pub(crate) struct Uploads<'a> {
    report: &'a Report,
    bars: RefCell<BTreeMap<String, ProgressBar>>,
}

impl<'a> Uploads<'a> {
    pub(crate) fn new(report: &'a Report) -> Self {
        Self {
            report,
            bars: RefCell::default(),
        }
    }

    pub(crate) fn tell(&self, event: &Event) {
        match event {
            Event::Present { digest, bytes } => {
                self.line(digest, &format!("{}, there already", size(*bytes)));
            }
            Event::Sent { digest, sent, bytes } => self.sent(digest, *sent, *bytes),
            Event::Uploaded { digest, bytes } => {
                self.finish(digest);
                self.line(digest, &format!("{}, sent", size(*bytes)));
            }
            Event::Again { digest, why } => {
                self.finish(digest);
                self.line(digest, &format!("broke off, starts anew: {why}"));
            }
        }
    }

    /// Takes away what is still drawn.
    pub(crate) fn end(&self) {
        for bar in self.bars.take().into_values() {
            bar.finish_and_clear();
        }
    }

    fn sent(&self, digest: &str, sent: u64, bytes: u64) {
        if !self.report.draws_progress() {
            return;
        }
        let mut bars = self.bars.borrow_mut();
        let bar = bars.entry(digest.to_owned()).or_insert_with(|| {
            let bar = ProgressBar::new(bytes)
                .with_style(style())
                .with_prefix(short(digest));
            self.report.bars().add(bar)
        });
        bar.set_position(sent);
    }

    fn finish(&self, digest: &str) {
        if let Some(bar) = self.bars.borrow_mut().remove(digest) {
            bar.finish_and_clear();
        }
    }

    fn line(&self, digest: &str, text: &str) {
        self.report.say(format_args!("{}  {text}", short(digest)));
    }
}

/// As much of a digest as tells blobs apart.
fn short(digest: &str) -> String {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    hex.chars().take(12).collect()
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix}  {bar:40} {bytes}/{total_bytes} {bytes_per_sec}")
        .expect("the template is well-formed")
}
