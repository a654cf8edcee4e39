//! What failed in the operation before.

use tokio::time::Instant;

use super::lists::operations_of;
use super::{Next, RESULTS, Reader, subject};
use crate::error::ReadError;
use crate::operation::{CallAs, ListedOperation, Operation, OperationRef, ResultStatus};
use crate::report::{EarlierFailures, ReportBuilder, can_be_compared, is_comparable};

/// Pages of failed targets that are read of an earlier operation.
const PAGES: u64 = 20;

impl Reader {
    /// Reads what failed in the last comparable operation that had ended before this one began.
    ///
    /// Gives `None` if there is no such operation, or if more failed in it than 20 pages hold.
    ///
    /// # Errors
    /// [`ReadError`] of the first page that cannot be read, by `until` at the latest.
    pub async fn earlier_failures(
        &self,
        operation: &OperationRef,
        call_as: CallAs,
        described: &Operation,
        until: Instant,
    ) -> Result<Option<EarlierFailures>, ReadError> {
        if !can_be_compared(described) {
            return Ok(None);
        }
        let Some(listed) = self.earlier_operation(operation, call_as, described, until).await? else {
            return Ok(None);
        };
        let earlier = OperationRef { operation_id: listed.id.clone(), ..operation.clone() };
        let mut results = self.results(&earlier, call_as, Some(&ResultStatus::Failed));
        let mut failed = ReportBuilder::new();
        while !results.cursor.has_ended() {
            if results.page() > PAGES {
                return Ok(None);
            }
            match results.next(until).await? {
                Next::Page(rows) => rows.into_iter().for_each(|row| failed.add(row)),
                Next::End => break,
                Next::OutOfTime => return Err(ReadError::out_of_time(&subject(RESULTS, &earlier, call_as))),
            }
        }
        Ok(Some(EarlierFailures::of(listed, failed)))
    }

    async fn earlier_operation(
        &self,
        operation: &OperationRef,
        call_as: CallAs,
        described: &Operation,
        until: Instant,
    ) -> Result<Option<ListedOperation>, ReadError> {
        let mut operations = self.operations(&operation.stack_set, call_as);
        let mut last: Option<ListedOperation> = None;
        loop {
            match operations.next(until).await? {
                Next::Page(page) => {
                    let comparable = page
                        .into_iter()
                        .filter(|listed| listed.id != operation.operation_id && is_comparable(described, listed));
                    last = comparable.chain(last).max_by(|a, b| (a.ended_at, &a.id).cmp(&(b.ended_at, &b.id)));
                }
                Next::End => return Ok(last),
                Next::OutOfTime => return Err(ReadError::out_of_time(&operations_of(&operation.stack_set, call_as))),
            }
        }
    }
}
