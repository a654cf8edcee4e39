//! Medians, ratios and noise, as lines of a table.

use crate::function::Taken;

/// Our work, and the yardstick's before and after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) before: Taken,
    pub(crate) ours: Taken,
    pub(crate) after: Taken,
}

/// All rounds of one comparison.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) rounds: Vec<Round>,
}

pub(crate) fn head(rounds: usize, smoke: bool) {
    let note = if smoke { ", a smoke test that says nothing about speed" } else { "" };
    println!(
        "median of {rounds} rounds (sweep {}, wait, boto3 and memory {}, start {}){note}; noise is what the \
         yardstick's own two runs of a round differ by, of memory the spread\n",
        rounds.min(5),
        rounds.min(3),
        rounds * 3
    );
    println!("| what | against | wall | noise | CPU | noise | at most |");
    println!("|---|---|---|---|---|---|---|");
}

pub(crate) fn memory(name: &str, grown: &mut [(u64, u64)], target: &str) {
    grown.sort_unstable();
    let spread = 100.0 * (grown[grown.len() - 1].0 as f64 / grown[0].0 as f64 - 1.0);
    let (grown, idle) = grown[grown.len() / 2];
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "| peak memory above an idle warm process, {name} | idle, {:.1} MB | {:.1} MB | {spread:.1} % | | | {target} |",
        megabytes(idle),
        megabytes(grown)
    );
}

pub(crate) fn binary(bytes: u64) {
    println!("| stripped binary | | {:.1} MB | | | | 6.5 MB |", bytes as f64 / 1e6);
}

pub(crate) fn number(what: &str, against: &str, ratio: f64, target: &str) {
    println!("| {what} | {against} | {ratio:.3} | | | | {target} |");
}

impl Compared {
    fn ratio(&self, of: impl Fn(&Taken) -> f64) -> String {
        let mut ratios: Vec<f64> =
            self.rounds.iter().map(|round| 2.0 * of(&round.ours) / (of(&round.before) + of(&round.after))).collect();
        format!("{:.3}", median(&mut ratios))
    }

    fn noise(&self, of: impl Fn(&Taken) -> f64) -> String {
        let mut differences: Vec<f64> =
            self.rounds.iter().map(|round| (of(&round.after) / of(&round.before)).ln().abs().exp() - 1.0).collect();
        format!("{:.1} %", 100.0 * median(&mut differences))
    }

    pub(crate) fn print(&self, what: &str, against: &str, target: &str) {
        let (wall, cpu) = (|taken: &Taken| taken.wall.as_secs_f64(), |taken: &Taken| taken.cpu.as_secs_f64());
        println!(
            "| {what} | {against} | {} | {} | {} | {} | {target} |",
            self.ratio(wall),
            self.noise(wall),
            self.ratio(cpu),
            self.noise(cpu)
        );
    }

    pub(crate) fn print_wall(&self, what: &str, against: &str, target: &str) {
        let wall = |taken: &Taken| taken.wall.as_secs_f64();
        println!("| {what} | {against} | {} | {} | | | {target} |", self.ratio(wall), self.noise(wall));
    }

    pub(crate) fn print_peak(&self, what: &str, against: &str, target: &str) {
        let peak = |taken: &Taken| taken.peak as f64;
        println!("| {what} | {against} | {} | {} | | | {target} |", self.ratio(peak), self.noise(peak));
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
