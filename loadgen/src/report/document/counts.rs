//! Counts that must add up: of a fresh run they do by construction, a stored file is checked.

use super::Run;

impl Run {
    /// What does not add up, for people; empty when all does.
    pub fn miscounts(&self) -> Vec<String> {
        let requests = &self.requests;
        let answers = [self.service_time_us, self.error_response_time_us].iter().flatten().map(exact).sum::<u64>();
        let rows = [
            ("due = sent + shed + dropped", requests.due, requests.sent + requests.shed + requests.dropped),
            (
                "sent = completed + failed + unanswered",
                requests.sent,
                requests.completed + requests.failed + requests.unanswered,
            ),
            ("completed = ok + errors.status", requests.completed, requests.ok + self.errors.status),
            ("completed = the sum of status", requests.completed, self.status.values().sum()),
            ("completed = the times of answers", requests.completed, answers),
        ];
        let wrong = rows.into_iter().filter(|(_, left, right)| left != right);
        wrong.map(|(rule, left, right)| format!("{rule}: {left} is not {right}")).collect()
    }
}

/// Times of answers; what was given up has none.
fn exact(times: &super::Times) -> u64 {
    times.samples.saturating_sub(times.lower_bounds.map_or(0, |bounds| bounds.count))
}
