//! `grafana/`: dashboards, in the JSON that Grafana imports and provisions.
//!
//! They read what the ingestion service, our recording rules and redis_exporter have. The source of data is a
//! variable, so a dashboard is the same in every Grafana.

mod boards;
mod stores;

use serde_json::{Value, json};

use super::{Error, File, Input};

/// The model that Grafana 11 and 12 write.
const SCHEMA_VERSION: u32 = 39;
/// Grafana's grid.
const COLUMNS: usize = 24;
const HEIGHT: usize = 8;
const IN_A_ROW: usize = 3;

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let wanted = input.spec.monitoring.as_ref().is_some_and(|it| it.dashboards);
    if !wanted || input.spec.ingest.is_none() {
        return Ok(Vec::new());
    }
    let file = |board: &Board| File {
        path: format!("{}.json", board.name),
        text: format!("{:#}\n", board.json(input)),
    };
    Ok(boards::all(input.spec).iter().map(file).collect())
}

/// A dashboard.
#[derive(Debug)]
struct Board {
    /// Of its file.
    name: &'static str,
    title: &'static str,
    sections: Vec<Section>,
}

/// Panels under a heading.
#[derive(Debug)]
struct Section {
    title: &'static str,
    panels: Vec<Panel>,
}

/// A graph over time.
#[derive(Debug)]
struct Panel {
    title: String,
    /// What it shows and when that is bad.
    about: &'static str,
    /// As Grafana calls it: `s`, `bytes`, `percentunit`, `short`, `eps`.
    unit: &'static str,
    queries: Vec<Query>,
    /// Where it becomes bad.
    limit: Option<f64>,
}

#[derive(Debug)]
struct Query {
    expr: String,
    /// `{{label}}` stands for a label's value.
    legend: &'static str,
}

impl Board {
    fn json(&self, input: &Input<'_>) -> Value {
        let mut panels = Vec::new();
        let (mut id, mut top) = (0, 0);
        for section in &self.sections {
            id += 1;
            panels.push(json!({
                "id": id,
                "type": "row",
                "title": section.title,
                "collapsed": false,
                "gridPos": { "x": 0, "y": top, "w": COLUMNS, "h": 1 },
                "panels": [],
            }));
            top += 1;
            for row in section.panels.chunks(IN_A_ROW) {
                let width = COLUMNS / row.len();
                for (column, panel) in row.iter().enumerate() {
                    id += 1;
                    let place = json!({ "x": column * width, "y": top, "w": width, "h": HEIGHT });
                    panels.push(panel.json(id, &place));
                }
                top += HEIGHT;
            }
        }
        json!({
            "description": input.header(),
            "uid": format!("vvbill-{}", self.name),
            "title": format!("{}: {}", input.spec.metadata.name.as_str(), self.title),
            "tags": ["vvbill", "billing"],
            "editable": true,
            "graphTooltip": 1,
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "refresh": "30s",
            "time": { "from": "now-1h", "to": "now" },
            "timezone": "utc",
            "templating": { "list": [data_source_variable()] },
            "annotations": { "list": annotations() },
            "links": [{
                "title": "Billing", "type": "dashboards", "tags": ["vvbill"], "asDropdown": true,
                "includeVars": true, "keepTime": true,
            }],
            "panels": panels,
        })
    }
}

impl Panel {
    fn json(&self, id: usize, place: &Value) -> Value {
        let letters = ('A'..='Z').map(String::from);
        let targets: Vec<Value> = letters
            .zip(&self.queries)
            .map(|(letter, query)| {
                json!({
                    "refId": letter,
                    "datasource": data_source(),
                    "expr": query.expr,
                    "legendFormat": query.legend,
                    "range": true,
                })
            })
            .collect();
        let mut steps = vec![json!({ "color": "green", "value": null })];
        steps.extend(self.limit.map(|limit| json!({ "color": "red", "value": limit })));
        let style = if self.limit.is_some() { "dashed" } else { "off" };
        json!({
            "id": id,
            "type": "timeseries",
            "title": self.title,
            "description": self.about,
            "datasource": data_source(),
            "gridPos": place,
            "targets": targets,
            "fieldConfig": {
                "defaults": {
                    "unit": self.unit,
                    "min": 0,
                    "thresholds": { "mode": "absolute", "steps": steps },
                    "custom": { "lineWidth": 1, "fillOpacity": 5, "thresholdsStyle": { "mode": style } },
                },
                "overrides": [],
            },
            "options": {
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
                "tooltip": { "mode": "multi", "sort": "desc" },
            },
        })
    }
}

fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn data_source_variable() -> Value {
    json!({
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "options": [],
        "refresh": 1,
        "regex": "",
        "hide": 0,
        "multi": false,
        "includeAll": false,
    })
}

/// Marks across every panel for what moves work from one place to another.
fn annotations() -> Vec<Value> {
    let marks = [
        (
            "Redis failovers",
            "red",
            "sum by (shard) (increase(ingest_redis_failovers_total[1m])) > 0",
            "shard",
        ),
        (
            "Rebalances",
            "blue",
            "sum by (kind) (increase(ingest_rebalances_total[1m])) > 0",
            "kind",
        ),
        (
            "New owners",
            "purple",
            "sum by (partition) (changes(ingest_owner_epoch[1m])) > 0",
            "partition",
        ),
        (
            "Fenced workers",
            "orange",
            "sum(increase(ingest_fenced_total[1m])) > 0",
            "",
        ),
    ];
    let mark = |(name, color, expr, tags): (&str, &str, &str, &str)| {
        json!({
            "name": name,
            "datasource": data_source(),
            "enable": true,
            "hide": false,
            "iconColor": color,
            "expr": expr,
            "step": "60s",
            "titleFormat": name,
            "tagKeys": tags,
        })
    };
    marks.into_iter().map(mark).collect()
}
