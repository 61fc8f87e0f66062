//! The page: Prometheus' text format 0.0.4.

use super::families::FAMILIES;
use crate::store::Times;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Samples gathered by family; written in the table's order.
#[derive(Debug)]
pub(super) struct Page {
    samples: BTreeMap<&'static str, String>,
}

impl Page {
    pub(super) fn new() -> Self {
        Self {
            samples: BTreeMap::new(),
        }
    }

    /// One sample of a family.
    pub(super) fn put(&mut self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        self.line(name, name, labels, &value.to_string());
    }

    pub(super) fn put_whole(&mut self, name: &'static str, labels: &[(&str, &str)], value: i64) {
        self.line(name, name, labels, &value.to_string());
    }

    pub(super) fn put_count(&mut self, name: &'static str, labels: &[(&str, &str)], value: u64) {
        self.line(name, name, labels, &value.to_string());
    }

    /// A family that is counted by size.
    pub(super) fn put_histogram(&mut self, name: &'static str, times: &Times) {
        let bucket = format!("{name}_bucket");
        let mut so_far = 0_u64;
        for (limit, count) in times.counted() {
            so_far = so_far.saturating_add(count);
            let limit = limit.map_or_else(|| "+Inf".to_owned(), |limit| limit.to_string());
            self.line(name, &bucket, &[("le", &limit)], &so_far.to_string());
        }
        self.line(name, &format!("{name}_sum"), &[], &times.sum().to_string());
        self.line(name, &format!("{name}_count"), &[], &so_far.to_string());
    }

    fn line(&mut self, family: &'static str, name: &str, labels: &[(&str, &str)], value: &str) {
        let text = self.samples.entry(family).or_default();
        text.push_str(name);
        for (n, (label, word)) in labels.iter().enumerate() {
            text.push(if n == 0 { '{' } else { ',' });
            // Writing to a String cannot fail.
            let _ = write!(text, "{label}=\"{}\"", escaped(word));
        }
        if !labels.is_empty() {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }

    /// The whole page. A family without a sample is named all the same.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for family in FAMILIES {
            let (name, kind) = (family.name, family.kind.word());
            let _ = writeln!(text, "# HELP {name} {}", family.help);
            let _ = writeln!(text, "# TYPE {name} {kind}");
            text.push_str(self.samples.get(name).map_or("", String::as_str));
        }
        text
    }
}

/// Label values: backslash, quote and line feed are escaped.
fn escaped(word: &str) -> String {
    word.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_page_is_in_the_format_and_counts_up_to_the_last_bucket() {
        let mut page = Page::new();
        page.put("firstbell_store_ready", &[], 1.0);
        page.put_whole("firstbell_route_waiting", &[("route", "a\"b\\")], 3);
        let mut times = Times::new(&[0.5, 2.0]);
        for milliseconds in [100, 400, 1_000, 9_000] {
            times.note(Duration::from_millis(milliseconds));
        }
        page.put_histogram("firstbell_commit_seconds", &times);
        let text = page.text();
        for line in [
            "# TYPE firstbell_store_ready gauge",
            "firstbell_store_ready 1",
            "firstbell_route_waiting{route=\"a\\\"b\\\\\"} 3",
            "# TYPE firstbell_commit_seconds histogram",
            "firstbell_commit_seconds_bucket{le=\"0.5\"} 2",
            "firstbell_commit_seconds_bucket{le=\"2\"} 3",
            "firstbell_commit_seconds_bucket{le=\"+Inf\"} 4",
            "firstbell_commit_seconds_sum 10.5",
            "firstbell_commit_seconds_count 4",
            "# TYPE firstbell_attempts_total counter",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
