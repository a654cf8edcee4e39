//! The stack sets that a sweep goes around.

use super::plan::{self, Due};
use super::{Round, Swept, failure};
use crate::config::CallAsSetting;
use crate::error::Error;
use crate::event::{Request, Trigger};
use crate::operation::{CallAs, ListedOperation, OperationRef, StackSetRef};
use crate::read::Next;

/// A stack set to look at, and in which capacity.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub(super) stack_set: StackSetRef,
    pub(super) call_as: CallAs,
}

impl Stop {
    /// What to ask for when one of its operations is due.
    pub(super) fn request(&self, operation: &ListedOperation, due: Due) -> Request {
        Request {
            operation: OperationRef { stack_set: self.stack_set.clone(), operation_id: operation.id.clone() },
            call_as: Some(self.call_as),
            trigger: match due {
                Due::Ended => Trigger::Sweep,
                Due::Stuck { day } => Trigger::Stuck { day },
            },
            only_guarded: false,
            may_wait: false,
        }
    }
}

impl Round<'_> {
    /// All stack sets to look at, in an order that is always the same.
    ///
    /// # Errors
    /// [`Error::Read`] if not one page of the lists could be read.
    pub(super) async fn ring(&self, swept: &mut Swept) -> Result<Vec<Stop>, Error> {
        let mut stops: Vec<Stop> = Vec::new();
        let mut lists_read = 0;
        let mut failed = None;
        for call_as in self.capacities() {
            let mut sets = self.reader.stack_sets(call_as);
            loop {
                match sets.next(self.time.last_begin()).await {
                    Ok(Next::Page(page)) => {
                        lists_read += 1;
                        stops.extend(page.iter().map(|id| Stop { stack_set: self.stack_set(id, call_as), call_as }));
                    }
                    Ok(Next::End) => break,
                    Ok(Next::OutOfTime) => {
                        swept.finished = false;
                        break;
                    }
                    Err(error) => {
                        swept.fail(failure(None, None, &error));
                        failed = Some(error);
                        break;
                    }
                }
            }
        }
        if lists_read == 0 {
            let late = || Error::Read("could not list the stack sets: the function's time ran out".to_owned());
            return Err(failed.unwrap_or_else(late));
        }
        stops.retain(|stop| plan::fits(&self.settings.names, &stop.stack_set.name));
        // What both capacities see is looked at once.
        stops.sort_by_key(|stop| stop.stack_set.api_name());
        stops.dedup_by(|second, first| second.stack_set.api_name() == first.stack_set.api_name());
        Ok(stops)
    }

    /// `auto` is the owner's capacity, and the delegated administrator's too where it is known for whom.
    fn capacities(&self) -> Vec<CallAs> {
        let foreign = self.settings.owner.as_ref().is_some_and(|owner| *owner != self.identity.account);
        match self.notifier.config.call_as {
            CallAsSetting::Fixed(fixed) => vec![fixed],
            CallAsSetting::Auto if foreign => vec![CallAs::SelfAccount, CallAs::DelegatedAdmin],
            CallAsSetting::Auto => vec![CallAs::SelfAccount],
        }
    }

    fn stack_set(&self, id: &str, call_as: CallAs) -> StackSetRef {
        let (name, uuid) = id.rsplit_once(':').map_or((id, None), |(name, uuid)| (name, Some(uuid)));
        StackSetRef {
            name: name.to_owned(),
            id: uuid.map(str::to_owned),
            partition: self.identity.partition.clone(),
            region: self.identity.region.clone(),
            account: match call_as {
                CallAs::SelfAccount => Some(self.identity.account.clone()).filter(|account| !account.is_empty()),
                CallAs::DelegatedAdmin => self.settings.owner.clone(),
            },
        }
    }
}
