use serde_json::{Value, json};

use super::Standing;
use super::row::Row;
use crate::audit::lag::Lag;
use crate::output::{BAD, Cell, FAINT, GOOD, PLAIN, Table, WAITS, styled};

/// The table, and below it what is not as it should be.
pub(super) fn text(standing: &Standing) -> String {
    let mut table = Table::new([
        "service",
        ">ready",
        "track",
        "version",
        "image",
        "mTLS",
        ">policies",
        "sidecar",
        ">restarts",
        ">lag",
        ">dead letters",
    ]);
    for row in &standing.rows {
        table.row(cells(standing, row));
    }
    let mut text = table.render();
    for trouble in standing.rows.iter().flat_map(|row| &row.troubles) {
        text += &format!("{}\n", styled(WAITS, trouble));
    }
    match &standing.lags {
        Ok(lags) => {
            for Lag { consumer, producer, alarm, .. } in lags.iter().filter(|lag| !lag.alarm.is_empty()) {
                text += &format!("{}\n", styled(BAD, &format!("{consumer}, events of {producer}: {alarm}")));
            }
        }
        Err(error) => text += &format!("{}\n", styled(BAD, &format!("event lag: {error}"))),
    }
    text
}

fn cells(standing: &Standing, row: &Row) -> [Cell; 11] {
    let service = Cell::from(row.service.name());
    let Some(track) = &row.track else {
        let nothing = || Cell::from("");
        let missing = Cell::new(BAD, "not deployed");
        return [
            service,
            nothing(),
            missing,
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
        ];
    };
    let ready = if row.is_ready() { GOOD } else { WAITS };
    let mtls = if row.mtls == "STRICT" { GOOD } else { BAD };
    let sidecars = match row.sidecars == row.pods {
        true if row.pods > 0 => Cell::new(GOOD, "yes"),
        _ => Cell::new(BAD, format!("{} of {}", row.sidecars, row.pods)),
    };
    let restarts = if row.restarts == 0 { FAINT } else { PLAIN };
    let waiting = standing.waiting(row.service);
    let number = |count: Option<i64>, style| match count {
        None | Some(0) => {
            Cell::number(count.map_or_else(String::new, |count| count.to_string())).styled(FAINT)
        }
        Some(count) => Cell::number(count).styled(style),
    };
    [
        service,
        Cell::number(format!("{}/{}", row.ready, row.wanted)).styled(ready),
        track.as_str().into(),
        row.version.as_str().into(),
        row.image_tag.as_str().into(),
        Cell::new(mtls, row.mtls.as_str()),
        Cell::number(row.policies),
        sidecars,
        Cell::number(row.restarts).styled(restarts),
        number(waiting.map(|(events, _)| events), WAITS),
        number(waiting.map(|(_, dead)| dead), BAD),
    ]
}

/// The same for programs.
pub(super) fn value(standing: &Standing) -> Value {
    let row = |row: &Row| {
        json!({
            "service": row.service,
            "track": row.track,
            "ready": row.ready,
            "wanted": row.wanted,
            "version": row.version,
            "image_tag": row.image_tag,
            "mtls": row.mtls,
            "policies": row.policies,
            "pods": row.pods,
            "sidecars": row.sidecars,
            "restarts": row.restarts,
            "troubles": row.troubles,
        })
    };
    json!({
        "services": standing.rows.iter().map(row).collect::<Vec<_>>(),
        "lag": standing.lags.as_ref().ok().map(|lags| lags.iter().map(Lag::value).collect::<Vec<_>>()),
    })
}
