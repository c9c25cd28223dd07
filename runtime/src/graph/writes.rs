use crate::const_text::Text;
use crate::state::{FieldSet, StateInfo};

/// Finds two direct siblings of one fan-out that declare, by `writes(…)`, the
/// same field that cannot take two writers. Runs in const evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Writers<const N: usize> {
    state: StateInfo,
    seen: [(&'static str, FieldSet); N],
    /// What those write together: most write something of their own.
    written: FieldSet,
    count: usize,
}

impl<const N: usize> Writers<N> {
    /// No sibling yet, out of `N`.
    pub const fn new(state: StateInfo) -> Self {
        Self {
            state,
            seen: [("", FieldSet::EMPTY); N],
            written: FieldSet::EMPTY,
            count: 0,
        }
    }

    /// Adds a sibling.
    ///
    /// # Panics
    /// If an earlier one writes the same field, which is a compile error where
    /// this is called.
    #[must_use]
    #[track_caller]
    pub const fn and(mut self, name: &'static str, writes: Option<FieldSet>) -> Self {
        let Some(writes) = writes else { return self };
        let writes = writes.and(self.state.conflicting());
        if let Some(field) = self.written.and(writes).first() {
            let other = self.writer(field);
            let text = Text::new()
                .and("`")
                .and(other)
                .and("` and `")
                .and(name)
                .and("` both write the field `")
                .and(self.state.fields[field].name)
                .and("` in one step\nhelp: give the field a reducer that combines, run one node after the other, or set `conflict = last_writer_wins`");
            panic!("{}", text.as_str());
        }
        self.written = self.written.or(writes);
        self.seen[self.count] = (name, writes);
        self.count += 1;
        self
    }

    /// The first that writes the field.
    const fn writer(&self, field: usize) -> &'static str {
        let mut at = 0;
        while !self.seen[at].1.contains(field) {
            at += 1;
        }
        self.seen[at].0
    }
}
