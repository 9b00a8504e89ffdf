//! `rollcall groups`, `channels`, `checkins` and `alerts`: plain lists.

use super::answer::{Alert, Channel, Checkin, Group, is_true, listed};
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, short};
use super::status::total_and_tally;
use super::when::age;

/// The groups, and how their present members are.
#[must_use]
pub fn groups(groups: &[Group], look: &Look) -> String {
    if groups.is_empty() {
        return "no groups\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::fixed("GROUP"),
        Column::text("NAME"),
        Column::fixed("KIND"),
        Column::fixed("PLACE").only_wide(),
        Column::text("MEMBERS"),
        Column::fixed("JOINED"),
        Column::text("CONTROLLER AT").only_wide(),
        Column::text("CAPABILITY").only_wide(),
    ]);
    let plain = Look { colour: false, ..*look };
    for group in groups {
        grid.row([
            Text::plain(short(&group.group_id)),
            Text::plain(&group.name),
            Text::plain(&group.kind),
            Text::or_dash(group.place.as_ref()),
            Text::toned(members(group, &plain), tone(group)),
            Text::or_dash(group.joined_at.as_ref().map(|at| age(at, look.now))),
            Text::or_dash(Some(listed(&group.addresses))),
            Text::or_dash(group.capability.as_ref()),
        ]);
    }
    grid.render(look)
}

/// `3: 2 healthy, 1 down`.
fn members(group: &Group, look: &Look) -> String {
    let states = [
        ("joining", group.joining),
        ("healthy", group.healthy),
        ("degraded", group.degraded),
        ("suspect", group.suspect),
        ("down", group.down),
        ("unknown", group.unknown),
        ("left", group.left_nodes),
    ];
    total_and_tally(&states, look)
}

/// As serious as its worst member.
fn tone(group: &Group) -> Tone {
    match group {
        Group { down: 1.., .. } => Tone::Bad,
        Group { degraded: 1.., .. } | Group { suspect: 1.., .. } => Tone::Warning,
        Group { members, healthy, .. } if members == healthy && *members > 0 => Tone::Good,
        _ => Tone::Plain,
    }
}

/// The channels between groups and the zone.
#[must_use]
pub fn channels(channels: &[Channel], look: &Look) -> String {
    if channels.is_empty() {
        return "no channels: they are made when a group joins\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::text("GROUP"),
        Column::fixed("PURPOSE"),
        Column::fixed("BROKER"),
        Column::text("QUEUE"),
        Column::fixed("EXCHANGE").only_wide(),
        Column::fixed("ROUTING KEY").only_wide(),
    ]);
    for channel in channels {
        grid.row([
            Text::plain(&channel.group_name),
            Text::plain(&channel.purpose),
            Text::plain(endpoint(&channel.address, channel.port)),
            Text::plain(&channel.queue),
            Text::plain(&channel.exchange),
            Text::plain(&channel.routing_key),
        ]);
    }
    grid.render(look)
}

/// `10.0.0.1:5672`, `[fd00::1]:5672`.
fn endpoint(address: &str, port: i64) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// The check-in services.
#[must_use]
pub fn checkins(checkins: &[Checkin], look: &Look) -> String {
    if checkins.is_empty() {
        return "no check-in services\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::fixed("SERVICE"),
        Column::text("NAME"),
        Column::fixed("ADDRESS"),
        Column::text("RANGES"),
        Column::number("NODES"),
        Column::text("RUN BY"),
        Column::fixed("LAST SEEN"),
    ]);
    for checkin in checkins {
        grid.row([
            Text::or_dash(checkin.checkin_id.as_ref().map(|id| short(id))),
            Text::plain(&checkin.name),
            Text::or_dash(checkin.address.as_ref()),
            Text::or_dash(Some(listed(&checkin.ranges))),
            Text::from(checkin.nodes),
            run_by(checkin),
            Text::or_dash(checkin.last_seen_at.as_ref().map(|at| age(at, look.now))),
        ]);
    }
    grid.render(look)
}

/// The group that runs it, where the zone had it run; who started the others, the zone does not know.
fn run_by(checkin: &Checkin) -> Text {
    let message = checkin.message.as_ref().filter(|message| !message.is_empty());
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    match (&checkin.running_group, &checkin.configured_place) {
        (Some(group), _) if is_true(&checkin.running) => Text::plain(group),
        (Some(group), _) => Text::toned(format!("not yet by {group}{message}"), Tone::Warning),
        (None, Some(place)) => Text::toned(format!("nobody at {place} yet{message}"), Tone::Warning),
        (None, None) => Text::toned("-", Tone::Faint),
    }
}

/// Alerts, newest first; with a column of when they ended where some did, and who has seen them where somebody has.
#[must_use]
pub fn alerts(alerts: &[Alert], look: &Look) -> String {
    if alerts.is_empty() {
        return "no alerts\n".into();
    }
    let past = alerts.iter().any(|alert| alert.state == "cleared");
    let seen = alerts.iter().any(|alert| alert.acknowledged_by.is_some());
    let mut columns = vec![
        Column::number("ID"),
        Column::fixed("SEVERITY"),
        Column::fixed("KIND"),
        Column::text("GROUP"),
        Column::text("NODE"),
        Column::fixed("SINCE"),
    ];
    if past {
        columns.push(Column::fixed("CLEARED"));
    }
    if seen {
        columns.push(Column::text("SEEN BY"));
    }
    columns.push(Column::text("MESSAGE"));
    let mut grid = Grid::new(columns);
    for alert in alerts {
        let open = alert.state != "cleared";
        let ago = |at: &Option<String>| at.as_ref().map(|at| age(at, look.now));
        let mut row = vec![
            Text::from(alert.alert_id),
            Text::toned(&alert.severity, if open { Tone::of_severity(&alert.severity) } else { Tone::Faint }),
            Text::plain(&alert.kind),
            Text::plain(&alert.group_name),
            Text::or_dash(alert.node.as_ref()),
            Text::or_dash(ago(&alert.raised_at)),
        ];
        if past {
            row.push(if open { Text::plain("open") } else { Text::or_dash(ago(&alert.cleared_at)) });
        }
        if seen {
            row.push(Text::or_dash(seen_by(alert, look)));
        }
        row.push(Text::plain(&alert.message));
        grid.row(row);
    }
    grid.render(look)
}

/// `ada, 3 min ago: disk is ordered`.
fn seen_by(alert: &Alert, look: &Look) -> Option<String> {
    let by = alert.acknowledged_by.as_ref()?;
    let at = alert.acknowledged_at.as_ref().map(|at| format!(", {}", age(at, look.now))).unwrap_or_default();
    let comment = alert.comment.as_ref().filter(|comment| !comment.is_empty());
    Some(format!("{by}{at}{}", comment.map(|comment| format!(": {comment}")).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
