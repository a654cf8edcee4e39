//! Rows by what may still become of them.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;
use smol_str::SmolStr;

use crate::operation::{Gate, ResultStatus, TargetResult};
use crate::report::{Place, Places, ReportBuilder};

/// A target, by a fingerprint of its account and Region.
pub(super) type Key = u64;

/// `None` for a row that lacks either: it cannot be followed from one reading to the next.
pub(super) fn key(row: &TargetResult) -> Option<Key> {
    row.target().map(fingerprint)
}

fn fingerprint(target: (&str, &str)) -> Key {
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    hasher.finish()
}

/// Rows of one status that is an end, and which targets they are of.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) fold: ReportBuilder,
    pub(super) targets: HashSet<Key, RandomState>,
    /// Rows of a target that another row was of.
    pub(super) repeated: u64,
}

impl Ended {
    pub(super) fn add(&mut self, row: TargetResult) {
        if let Some(key) = key(&row)
            && !self.targets.insert(key)
        {
            self.repeated += 1;
        }
        self.fold.add(row);
    }

    pub(super) fn rows(&self) -> u64 {
        self.fold.counts().total
    }
}

/// A row that is RUNNING or PENDING.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) row: Packed,
    /// Listed only when results were read again: it may be late, or one that had succeeded before.
    pub(super) stranger: bool,
    /// Not listed with any status when results were last read again.
    pub(super) missing: bool,
}

/// A row that has not ended, in little room: of an operation that goes on there may be as many as
/// targets. What many rows share is there once.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    account: Option<SmolStr>,
    place: Arc<Place>,
    pub(super) is_running: bool,
    /// What rows that have begun may say.
    said: Option<Box<(Option<String>, Option<Gate>)>>,
}

impl Packed {
    pub(super) fn key(&self) -> Option<Key> {
        self.account.as_deref().zip(self.place.region.as_deref()).map(fingerprint)
    }

    pub(super) fn unpack(self) -> TargetResult {
        let text = |shared: &Option<Arc<str>>| shared.as_deref().map(str::to_owned);
        let (reason, gate) = self.said.map(|said| *said).unwrap_or_default();
        TargetResult {
            account: self.account.map(String::from),
            region: text(&self.place.region),
            status: Some(if self.is_running { ResultStatus::Running } else { ResultStatus::Pending }),
            reason,
            gate,
            organizational_unit_id: text(&self.place.organizational_unit_id),
        }
    }
}

/// Rows by what may still become of them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// SUCCEEDED, and what is not known.
    pub(super) settled: ReportBuilder,
    pub(super) failed: Ended,
    pub(super) cancelled: Ended,
    pub(super) open: Vec<Open>,
    /// Of open rows.
    places: Places,
}

impl Rows {
    pub(super) fn add(&mut self, row: TargetResult) {
        match row.status {
            Some(ResultStatus::Failed) => self.failed.add(row),
            Some(ResultStatus::Cancelled) => self.cancelled.add(row),
            Some(ResultStatus::Running | ResultStatus::Pending) => {
                let row = self.pack(row);
                self.open.push(Open { row, stranger: false, missing: false });
            }
            _ => self.settled.add(row),
        }
    }

    pub(super) fn pack(&mut self, row: TargetResult) -> Packed {
        let region = self.places.name(row.region.as_deref());
        let organizational_unit_id = self.places.name(row.organizational_unit_id.as_deref());
        Packed {
            account: row.account.map(SmolStr::from),
            place: self.places.place(Place { region, organizational_unit_id }),
            is_running: row.status == Some(ResultStatus::Running),
            said: (row.reason.is_some() || row.gate.is_some()).then(|| Box::new((row.reason, row.gate))),
        }
    }

    pub(super) fn has_ended(&self, key: Key) -> bool {
        self.failed.targets.contains(&key) || self.cancelled.targets.contains(&key)
    }

    /// Forgets the open rows of targets that have ended meanwhile: pages are read one after the other.
    pub(super) fn drop_what_ended(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.open = open.into_iter().filter(|open| open.row.key().is_none_or(|key| !self.has_ended(key))).collect();
    }

    pub(super) fn repeated(&self) -> u64 {
        self.failed.repeated + self.cancelled.repeated
    }

    /// Targets that are known for certain.
    pub(super) fn targets(&self) -> u64 {
        let open = self.open.iter().filter(|open| !open.stranger).count() as u64;
        self.settled.counts().total + self.failed.rows() + self.cancelled.rows() + open - self.repeated()
    }

    pub(super) fn into_fold(self) -> ReportBuilder {
        let mut fold = self.settled;
        self.open.into_iter().for_each(|open| fold.add(open.row.unpack()));
        fold.merge(self.failed.fold);
        fold.merge(self.cancelled.fold);
        fold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred thousand targets that have not begun are 6 MB.
    #[test]
    fn open_rows_take_little_room_and_come_back_as_they_were() {
        assert!(size_of::<Open>() <= 56, "{}", size_of::<Open>());
        let pending = TargetResult {
            account: Some("210000000001".to_owned()),
            region: Some("eu-west-1".to_owned()),
            status: Some(ResultStatus::Pending),
            organizational_unit_id: Some("ou-4kx2-sn0dbx42".to_owned()),
            ..TargetResult::default()
        };
        let gate = Gate { status: None, reason: Some("not yet".to_owned()) };
        let running = TargetResult {
            status: Some(ResultStatus::Running),
            reason: Some("why".to_owned()),
            gate: Some(gate),
            ..pending.clone()
        };
        let nameless = TargetResult { account: None, region: None, ..running.clone() };
        let mut rows = Rows::default();
        let all = [pending, running, nameless];
        all.iter().for_each(|row| rows.add(row.clone()));
        assert!(Arc::ptr_eq(&rows.open[0].row.place, &rows.open[1].row.place));
        for (open, row) in rows.open.into_iter().zip(&all) {
            assert_eq!(open.row.key(), key(row));
            assert_eq!(open.row.unpack(), *row);
        }
    }
}
