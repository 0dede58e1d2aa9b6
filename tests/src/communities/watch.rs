//! Takes steps and looks at what came of them.

use sync_provider::ConflictPolicy;

use super::laws::{Transfer, Violation};
use super::member::Member;
use super::names::Who;
use super::setting::Setting;
use super::state::State;
use super::step::Step;

/// The state of a replica that nothing happened to.
pub(super) fn first<M: Member>(
    setting: &Setting,
    own: usize,
    member: &M,
) -> Result<State, Violation> {
    let state = State::of(&setting.names, own as u8, &member.view()).map_err(Violation::Refused)?;
    let accounted = if setting.watched {
        state.accounted
    } else {
        Vec::new()
    };
    Ok(State { accounted, ..state })
}

/// A transfer as it was carried out: both states afterwards, and whether it met a conflict.
pub(super) struct Sent {
    pub(super) source: State,
    pub(super) destination: State,
    pub(super) conflict: bool,
}

/// Carries out a transfer between members that were in the states `before`, and checks it.
pub(super) fn send<M: Member>(
    setting: &Setting,
    (source, destination): (&mut M, &mut M),
    before: (&State, &State),
    way: usize,
) -> Result<Sent, Violation> {
    let direction = &setting.ways[way];
    let records = M::transfer(source, destination, direction).map_err(Violation::Refused)?;
    let after_source = look_again(setting, before.0, source)?;
    let mut after = look_again(setting, before.1, destination)?;
    let transfer = Transfer {
        names: &setting.names,
        source: before.0,
        source_after: &after_source,
        before: before.1,
        replaced: &[],
        after: &after,
        records: &records,
        deferring: direction.policy == ConflictPolicy::Defer,
        told: true,
    };
    after.accounted = if setting.watched {
        transfer.check()?
    } else {
        Vec::new()
    };
    Ok(Sent {
        source: after_source,
        destination: after,
        conflict: !records.is_empty(),
    })
}

/// Takes a step other than a transfer at a member that was in the state `before`, and checks it.
pub(super) fn act<M: Member>(
    setting: &Setting,
    member: &mut M,
    before: &State,
    step: Step,
) -> Result<State, Violation> {
    let mut failing = before.failing.clone();
    match step {
        Step::Write {
            item,
            content,
            time,
            ..
        } => member.write(item, content, time),
        Step::Delete { item, time, .. } => member.delete(item, time),
        Step::Fail { item, .. } => {
            if !member.reject(item, true) {
                return Err(Violation::Refused(
                    "writes cannot be made to fail here".into(),
                ));
            }
            failing.push(item);
            failing.sort_unstable();
            failing.dedup();
        }
        Step::Heal { item, .. } => {
            member.reject(item, false);
            failing.retain(|failing| *failing != item);
        }
        Step::Send { .. } => {}
    }
    let mut after = look_again(setting, before, member)?;
    after.failing = failing;
    if !setting.watched {
        return Ok(after);
    }
    for (item, row) in after.rows.iter().enumerate() {
        let Some(row) = row
            .as_ref()
            .filter(|row| Some(*row) != before.rows[item].as_ref())
        else {
            continue;
        };
        if before.accounted[item].contains(&row.update)
            || row.update.who
                != (Who {
                    settlement: false,
                    replica: after.own,
                })
        {
            return Err(Violation::Invented(format!(
                "a local write of item {item} made {row:?}"
            )));
        }
        after.accounted[item].push(row.update);
        after.accounted[item].sort_unstable();
    }
    Ok(after)
}

/// The state of a replica that was in the state `before`, with what the watcher keeps carried on.
fn look_again<M: Member>(
    setting: &Setting,
    before: &State,
    member: &M,
) -> Result<State, Violation> {
    let (failing, accounted) = (before.failing.clone(), before.accounted.clone());
    Ok(State {
        failing,
        accounted,
        ..first(setting, before.own as usize, member)?
    })
}
