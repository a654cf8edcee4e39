//! What many targets have in common, kept once.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::Serialize;

/// A target's Region and organizational unit, which are few, unlike accounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Place {
    pub(crate) region: Option<Arc<str>>,
    pub(crate) organizational_unit_id: Option<Arc<str>>,
}

/// Places and their names so far.
#[derive(Debug, Default)]
pub(crate) struct Places {
    names: HashSet<Arc<str>, RandomState>,
    known: HashSet<Arc<Place>, RandomState>,
}

impl Places {
    /// The one copy of a name.
    pub(crate) fn name(&mut self, name: Option<&str>) -> Option<Arc<str>> {
        let name = name?;
        if let Some(known) = self.names.get(name) {
            return Some(Arc::clone(known));
        }
        let fresh = Arc::<str>::from(name);
        self.names.insert(Arc::clone(&fresh));
        Some(fresh)
    }

    /// The one copy of a place.
    pub(crate) fn place(&mut self, place: Place) -> Arc<Place> {
        if let Some(known) = self.known.get(&place) {
            return Arc::clone(known);
        }
        let fresh = Arc::new(place);
        self.known.insert(Arc::clone(&fresh));
        fresh
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{ReportBuilder, Target};
    use crate::operation::{ResultStatus, TargetResult};

    /// A hundred thousand may have failed, each 8 bytes are 0.8 MB then.
    #[test]
    fn a_target_takes_little_room() {
        assert!(size_of::<Target>() <= 32, "{}", size_of::<Target>());
    }

    #[test]
    fn targets_of_one_region_and_unit_share_their_place() {
        let row = |account: &str| TargetResult {
            account: Some(account.to_owned()),
            region: Some("eu-west-1".to_owned()),
            status: Some(ResultStatus::Cancelled),
            organizational_unit_id: Some("ou-4kx2-sn0dbx42".to_owned()),
            ..TargetResult::default()
        };
        let mut fold = ReportBuilder::new();
        fold.add(row("000000000001"));
        fold.add(row("000000000002"));
        let [one, two] = &fold.cancelled[..] else { panic!("{:?}", fold.cancelled) };
        assert!(Arc::ptr_eq(&one.place, &two.place));
    }
}
