//! Pages of lists: tokens that only the previous page hands out, and rows that are rendered once.

use std::{collections::HashMap, ops::Range, sync::Arc};

use crate::{
    call::Call,
    error::ServiceError,
    faults::FaultKind,
    ids,
    instances::{StackInstance, instances_of},
    operation::{FailedCount, Operation},
    rows::{Row, Rows},
    scenario::StackSet,
    xml,
};

/// Where in which list a page begins.
#[derive(Clone, Debug)]
pub(crate) struct PageCursor {
    /// The list with its filters: a token is valid for one list only.
    pub(crate) list: String,
    pub(crate) offset: usize,
    /// The page's number, from 1.
    pub(crate) page: usize,
    /// How many first pages were answered before the first page of this chain.
    pub(crate) reads_before: usize,
}

/// Which rows a page has, and which token it hands out.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Range<usize>,
    pub(crate) token: Option<String>,
}

/// All tokens ever handed out; each stays valid, because a retry uses it again.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    cursors: HashMap<String, PageCursor>,
}

impl Tokens {
    pub(crate) fn get(&self, token: &str) -> Option<&PageCursor> {
        self.cursors.get(token)
    }

    /// Where the call's token leads; the beginning of the list if it has none.
    pub(crate) fn cursor(&self, call: &Call, list: &str, reads_before: usize) -> Result<PageCursor, ServiceError> {
        let Some(token) = call.param("NextToken") else {
            return Ok(PageCursor { list: list.to_owned(), offset: 0, page: 1, reads_before });
        };
        if token.is_empty() || token.len() > 1024 {
            return Err(ServiceError::constraint(token, "nextToken", "have length between 1 and 1024"));
        }
        match self.cursors.get(token) {
            Some(cursor) if cursor.list == list => Ok(cursor.clone()),
            _ => Err(ServiceError::validation("Invalid NextToken")),
        }
    }

    /// Decides which of `total` rows the page has, at most `limit`, and which token it hands out.
    pub(crate) fn page(
        &mut self,
        call: &Call,
        cursor: &PageCursor,
        total: usize,
        limit: usize,
        fault: Option<&FaultKind>,
    ) -> Page {
        let start = cursor.offset.min(total);
        let end = total.min(cursor.offset + limit);
        let next = PageCursor { offset: end, page: cursor.page + 1, ..cursor.clone() };
        let (rows, token) = match fault {
            Some(FaultKind::RepeatToken) => {
                let token = match call.param("NextToken") {
                    Some(token) => token.to_owned(),
                    None => self.issue(cursor.clone()),
                };
                (start..end, Some(token))
            }
            Some(FaultKind::EmptyToken) => (start..end, Some(String::new())),
            Some(FaultKind::LostToken) => (start..end, None),
            Some(FaultKind::EmptyPage) => {
                let same_rows = PageCursor { offset: cursor.offset, ..next };
                (start..start, Some(self.issue(same_rows)))
            }
            Some(FaultKind::LeftoverToken) => (start..end, Some(self.issue(next))),
            _ => (start..end, (end < total).then(|| self.issue(next))),
        };
        Page { rows, token }
    }

    fn issue(&mut self, cursor: PageCursor) -> String {
        let token = ids::token(self.cursors.len() as u64);
        self.cursors.insert(token.clone(), cursor);
        token
    }
}

/// The page size that the call asks for.
pub(crate) fn max_results(call: &Call) -> Result<usize, ServiceError> {
    let Some(value) = call.param("MaxResults") else {
        return Ok(100);
    };
    match value.parse::<i64>() {
        Ok(number @ 1..=100) => Ok(usize::try_from(number).unwrap_or(100)),
        Ok(number) if number < 1 => {
            Err(ServiceError::constraint(value, "maxResults", "have value greater than or equal to 1"))
        }
        Ok(_) => Err(ServiceError::constraint(value, "maxResults", "have value less than or equal to 100")),
        Err(_) => Err(ServiceError::new(400, "MalformedInput", "MaxResults is not a number")),
    }
}

/// Which rows a reader sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RowQuery {
    /// The index of the stack set, and that of the operation in it.
    pub(crate) operation: (usize, usize),
    pub(crate) status: Option<String>,
    /// How many first pages were answered before.
    pub(crate) reads_before: usize,
}

/// Rendered rows, kept so that a benchmark measures its reader and not this server.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    stats: HashMap<(usize, usize), RowStats>,
    results: HashMap<RowQuery, QueryResult>,
    instances: HashMap<usize, Arc<[StackInstance]>>,
}

/// What one pass over all rows of an operation finds.
#[derive(Clone, Copy, Debug)]
struct RowStats {
    changing: bool,
    failed: usize,
}

#[derive(Debug)]
struct QueryResult {
    /// The indices of the rows; `None` is all of them.
    rows: Option<Vec<usize>>,
    pages: HashMap<Range<usize>, Arc<str>>,
}

impl Rendered {
    /// Forgets everything, because the rows may have changed.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn failed_count(&mut self, id: (usize, usize), operation: &Operation) -> Option<i32> {
        match operation.failed_count {
            FailedCount::Fixed(count) => Some(count),
            FailedCount::Absent => None,
            FailedCount::FromRows => i32::try_from(self.stats(id, &operation.rows).failed).ok(),
        }
    }

    /// How many rows the query finds.
    pub(crate) fn total(&mut self, query: &mut RowQuery, rows: &Rows) -> usize {
        if !self.stats(query.operation, rows).changing {
            // The result is the same at all times.
            query.reads_before = 0;
        }
        let result = self.result(query, rows);
        result.rows.as_ref().map_or(rows.len(), Vec::len)
    }

    /// The `<member>` elements of a page.
    pub(crate) fn page(&mut self, query: &RowQuery, rows: &Rows, range: Range<usize>) -> Arc<str> {
        let result = self.result(query, rows);
        if let Some(page) = result.pages.get(&range) {
            return Arc::clone(page);
        }
        let mut out = String::with_capacity(range.len() * 512);
        for position in range.clone() {
            let index = result.rows.as_ref().map_or(position, |rows| rows[position]);
            rows.with(index, |row| {
                if let Some(row) = row.at(query.reads_before) {
                    member(&mut out, row);
                }
            });
        }
        let page: Arc<str> = out.into();
        result.pages.insert(range, Arc::clone(&page));
        page
    }

    /// The instances of the stack set with this index.
    pub(crate) fn instances(&mut self, index: usize, set: &StackSet) -> Arc<[StackInstance]> {
        Arc::clone(self.instances.entry(index).or_insert_with(|| instances_of(set).into()))
    }

    fn stats(&mut self, id: (usize, usize), rows: &Rows) -> RowStats {
        *self.stats.entry(id).or_insert_with(|| RowStats {
            changing: (0..rows.len()).any(|index| rows.with(index, Row::changes) == Some(true)),
            failed: rows.count_status("FAILED"),
        })
    }

    fn result(&mut self, query: &RowQuery, rows: &Rows) -> &mut QueryResult {
        let changing = self.stats(query.operation, rows).changing;
        self.results.entry(query.clone()).or_insert_with(|| {
            let matches = |row: &Row| match (row.at(query.reads_before), &query.status) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(row), status) => row.status == *status,
            };
            let all = !changing && query.status.is_none();
            QueryResult {
                rows: (!all)
                    .then(|| (0..rows.len()).filter(|&index| rows.with(index, matches) == Some(true)).collect()),
                pages: HashMap::new(),
            }
        })
    }
}

fn member(out: &mut String, row: &Row) {
    xml::nested(out, "member", |out| {
        xml::optional(out, "Account", row.account.as_deref());
        xml::optional(out, "Region", row.region.as_deref());
        xml::optional(out, "Status", row.status.as_deref());
        xml::optional(out, "StatusReason", row.status_reason.as_deref());
        if let Some(gate) = &row.gate {
            xml::nested(out, "AccountGateResult", |out| {
                xml::optional(out, "Status", gate.status.as_deref());
                xml::optional(out, "StatusReason", gate.status_reason.as_deref());
            });
        }
        xml::optional(out, "OrganizationalUnitId", row.ou.as_deref());
    });
}
