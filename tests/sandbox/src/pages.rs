//! Pages: tokens that only the page before hands out, and rows rendered once.

use std::{collections::HashMap, sync::Arc};

use crate::{
    faults::FaultKind,
    ids,
    operation::{FailedCount, Operation},
    query::{Call, Refusal},
    rows::{Row, Rows},
    xml,
};

/// Where in which list a page begins.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The list and its filter: a token of one list says nothing to another.
    pub(crate) list: String,
    pub(crate) offset: usize,
    pub(crate) page: usize,
    /// The answered first-page calls before the one that this page follows.
    pub(crate) calls: usize,
}

/// One page, decided.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) rows: usize,
    pub(crate) token: Option<String>,
}

/// All tokens ever handed out; each stays valid, as a retry needs it.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    places: HashMap<String, Place>,
}

impl Tokens {
    pub(crate) fn get(&self, token: &str) -> Option<&Place> {
        self.places.get(token)
    }

    /// Where the call wants to read; `None` for a first page.
    pub(crate) fn asked(&self, call: &Call, list: &str) -> Result<Option<Place>, Refusal> {
        let Some(token) = call.param("NextToken") else {
            return Ok(None);
        };
        if token.is_empty() || token.len() > 1024 {
            return Err(Refusal::constraint(token, "nextToken", "have length between 1 and 1024"));
        }
        match self.places.get(token) {
            Some(place) if place.list == list => Ok(Some(place.clone())),
            _ => Err(Refusal::validation("Invalid NextToken")),
        }
    }

    /// Decides how many rows the page has and which token it hands out.
    pub(crate) fn turn(
        &mut self,
        call: &Call,
        place: &Place,
        total: usize,
        fault: Option<&FaultKind>,
    ) -> Result<Turn, Refusal> {
        let limit = max_results(call)?;
        let end = total.min(place.offset + limit);
        let rows = end.saturating_sub(place.offset);
        let next = Place { offset: end, page: place.page + 1, ..place.clone() };
        let (rows, token) = match fault {
            Some(FaultKind::RepeatToken) => {
                let token = match call.param("NextToken") {
                    Some(asked) => asked.to_owned(),
                    None => self.issue(place.clone()),
                };
                (rows, Some(token))
            }
            Some(FaultKind::EmptyToken) => (rows, Some(String::new())),
            Some(FaultKind::LostToken) => (rows, None),
            Some(FaultKind::EmptyPage) => {
                let same = Place { offset: place.offset, ..next };
                (0, Some(self.issue(same)))
            }
            Some(FaultKind::LeftoverToken) => (rows, Some(self.issue(next))),
            _ => (rows, (end < total).then(|| self.issue(next))),
        };
        Ok(Turn { rows, token })
    }

    fn issue(&mut self, place: Place) -> String {
        let token = ids::token(self.places.len() as u64);
        self.places.insert(token.clone(), place);
        token
    }
}

fn max_results(call: &Call) -> Result<usize, Refusal> {
    let Some(value) = call.param("MaxResults") else {
        return Ok(100);
    };
    match value.parse::<i64>() {
        Ok(number @ 1..=100) => Ok(usize::try_from(number).unwrap_or(100)),
        Ok(number) if number < 1 => {
            Err(Refusal::constraint(value, "maxResults", "have value greater than or equal to 1"))
        }
        Ok(_) => Err(Refusal::constraint(value, "maxResults", "have value less than or equal to 100")),
        Err(_) => Err(Refusal::new(400, "MalformedInput", "MaxResults is not a number")),
    }
}

/// Which rows a reader sees: the operation (its stack set's and its own number), the filter, the moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reading {
    pub(crate) operation: (usize, usize),
    pub(crate) filter: Option<String>,
    pub(crate) calls: usize,
}

/// Rendered rows, kept so that a benchmark measures its reader and not this server.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    facts: HashMap<(usize, usize), Facts>,
    views: HashMap<Reading, View>,
}

/// What is worth knowing of all rows of an operation, found in one pass over them.
#[derive(Clone, Copy, Debug)]
struct Facts {
    changing: bool,
    failed: usize,
}

#[derive(Debug)]
struct View {
    /// The rows in view; `None` is all of them.
    rows: Option<Vec<usize>>,
    pages: HashMap<(usize, usize), Arc<str>>,
}

impl Rendered {
    /// Forgets everything, for the rows may be others now.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn failed_count(&mut self, id: (usize, usize), operation: &Operation) -> Option<i32> {
        match operation.failed_count {
            FailedCount::Fixed(count) => Some(count),
            FailedCount::Absent => None,
            FailedCount::FromRows => i32::try_from(self.facts(id, &operation.rows).failed).ok(),
        }
    }

    /// How many rows the reading has.
    pub(crate) fn total(&mut self, reading: &mut Reading, rows: &Rows) -> usize {
        if !self.facts(reading.operation, rows).changing {
            // One view serves all moments.
            reading.calls = 0;
        }
        let view = self.view(reading, rows);
        view.rows.as_ref().map_or(rows.len(), Vec::len)
    }

    /// The `<member>` elements of a page.
    pub(crate) fn page(&mut self, reading: &Reading, rows: &Rows, offset: usize, count: usize) -> Arc<str> {
        let view = self.view(reading, rows);
        if let Some(page) = view.pages.get(&(offset, count)) {
            return Arc::clone(page);
        }
        let mut out = String::with_capacity(count * 512);
        for position in offset..offset + count {
            let index = view.rows.as_ref().map_or(position, |rows| rows[position]);
            rows.with(index, |row| {
                if let Some(row) = row.at(reading.calls) {
                    member(&mut out, row);
                }
            });
        }
        let page: Arc<str> = out.into();
        view.pages.insert((offset, count), Arc::clone(&page));
        page
    }

    fn facts(&mut self, id: (usize, usize), rows: &Rows) -> Facts {
        *self.facts.entry(id).or_insert_with(|| Facts {
            changing: (0..rows.len()).any(|index| rows.with(index, Row::changes) == Some(true)),
            failed: rows.count_status("FAILED"),
        })
    }

    fn view(&mut self, reading: &Reading, rows: &Rows) -> &mut View {
        let changing = self.facts(reading.operation, rows).changing;
        self.views.entry(reading.clone()).or_insert_with(|| {
            let in_view = |row: &Row| match (row.at(reading.calls), &reading.filter) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(row), filter) => row.status == *filter,
            };
            let all = !changing && reading.filter.is_none();
            View {
                rows: (!all)
                    .then(|| (0..rows.len()).filter(|&index| rows.with(index, in_view) == Some(true)).collect()),
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
