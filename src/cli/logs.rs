//! `vvbill logs`: what the processes on this machine have written.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use super::Exit;
use super::arguments::PlanFile;
use super::error::Error;
use super::interrupt::Interrupts;
use super::plan_file::Findings;
use super::report::{Report, style};
use super::site::Site;
use super::target::Targets;
use crate::resource::Address;

/// How often a log is looked at for news.
const PAUSE: Duration = Duration::from_millis(200);

/// The most that is read of a log at once, in bytes.
const CHUNK: u64 = 1024 * 1024;

/// Print what the processes have logged
///
/// Of one resource, or of all that log, each line then led by the resource's name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill logs plans/local.yaml
  vvbill logs plans/local.yaml local/global/kafka_broker/kafka-1 --follow
  vvbill logs plans/local.yaml kafka-1 --tail 500")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// Only this resource: its address, or its name
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
    /// Go on printing what is written, until Ctrl-C
    #[arg(short, long, env = "VVBILL_FOLLOW", hide_env_values = true)]
    follow: bool,
    /// How many lines of each log to begin with
    #[arg(
        long,
        value_name = "N",
        env = "VVBILL_TAIL",
        hide_env_values = true,
        default_value_t = 100
    )]
    tail: usize,
}

/// One log, read as far as `offset`.
struct Log {
    /// What leads its lines; empty where there is only one log.
    lead: String,
    path: PathBuf,
    /// The file's number, which changes when another takes its place.
    inode: u64,
    offset: u64,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let mut logs = find(&site, arguments.address.as_deref()).await?;
    let mut interrupts = Interrupts::listen()?;
    for log in &mut logs {
        report.data(log.tail(arguments.tail)?)?;
    }
    if !arguments.follow {
        return Ok(Exit::Done);
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = interrupts.next() => return Ok(Exit::Done),
        }
        for log in &mut logs {
            let news = log.news()?;
            if !news.is_empty() {
                report.data(news)?;
            }
        }
    }
}

/// The logs of what the state holds.
async fn find(site: &Site, wanted: Option<&str>) -> Result<Vec<Log>, Error> {
    let state = site.state().await?.unwrap_or_default();
    let is_wanted = |address: &Address| {
        wanted.is_none_or(|wanted| address.as_str() == wanted || address.name() == wanted)
    };
    let chosen: Vec<_> = state
        .resources
        .values()
        .filter(|record| is_wanted(&record.address))
        .collect();
    let paths: Vec<(&Address, PathBuf)> = chosen
        .iter()
        .flat_map(|record| {
            let logs = (site.platform.trace)(record).logs;
            logs.into_iter().map(|path| (&record.address, path))
        })
        .collect();
    if let (Some(wanted), true) = (wanted, chosen.is_empty()) {
        return Err(Error::new(format!("nothing called `{wanted}` stands"))
            .hint("`vvbill status PLAN` lists what does"));
    }
    if paths.is_empty() {
        return Err(Error::new("there is no log").because(match wanted {
            Some(wanted) => format!("`{wanted}` is no process of this machine"),
            None => "no process of this machine stands".into(),
        }));
    }
    let width = paths
        .iter()
        .map(|(address, _)| address.name().len())
        .max()
        .unwrap_or(0);
    let is_one = paths.len() == 1;
    Ok(paths
        .into_iter()
        .map(|(address, path)| Log {
            lead: match is_one {
                true => String::new(),
                false => style::paint(style::HINT, format_args!("{:width$} | ", address.name())),
            },
            path,
            inode: 0,
            offset: 0,
        })
        .collect())
}

impl Log {
    /// The last lines; empty where nothing was logged yet.
    fn tail(&mut self, lines: usize) -> Result<String, Error> {
        let Some((file, inode, _)) = self.open()? else {
            return Ok(String::new());
        };
        self.inode = inode;
        let mut last: VecDeque<Vec<u8>> = VecDeque::new();
        let mut reader = BufReader::new(file);
        loop {
            let mut line = Vec::new();
            let read = reader
                .read_until(b'\n', &mut line)
                .map_err(|why| Error::reading("log", &self.path, &why))?;
            if read == 0 {
                break;
            }
            self.offset += read as u64;
            last.push_back(line);
            if last.len() > lines {
                last.pop_front();
            }
        }
        Ok(last.iter().map(|line| self.led(line)).collect())
    }

    /// What was written since, as far as its last whole line.
    fn news(&mut self) -> Result<String, Error> {
        let Some((mut file, inode, length)) = self.open()? else {
            return Ok(String::new());
        };
        if inode != self.inode || length < self.offset {
            (self.inode, self.offset) = (inode, 0);
        }
        if length == self.offset {
            return Ok(String::new());
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.take(CHUNK).read_to_end(&mut bytes))
            .map_err(|why| Error::reading("log", &self.path, &why))?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        // A line longer than a chunk is printed in pieces.
        let whole = if whole == 0 && bytes.len() as u64 == CHUNK {
            bytes.len()
        } else {
            whole
        };
        self.offset += whole as u64;
        Ok(bytes[..whole]
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| self.led(line))
            .collect())
    }

    /// The file, its number and its length; `None`: it isn't there yet.
    fn open(&self) -> Result<Option<(File, u64, u64)>, Error> {
        let opened = File::open(&self.path).and_then(|file| {
            let metadata = file.metadata()?;
            Ok((file, metadata.ino(), metadata.len()))
        });
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(Error::reading("log", &self.path, &why)),
        }
    }

    fn led(&self, line: &[u8]) -> String {
        let text = String::from_utf8_lossy(line);
        format!("{}{}\n", self.lead, text.trim_end_matches(['\n', '\r']))
    }
}
