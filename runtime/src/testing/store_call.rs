/// One method of [`Store`](crate::store::Store).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StoreCall {
    /// [`now`](crate::store::Store::now).
    Now,
    /// [`head`](crate::store::Store::head).
    Head,
    /// [`load`](crate::store::Store::load).
    Load,
    /// [`runs`](crate::store::Store::runs).
    Runs,
    /// [`steps`](crate::store::Store::steps).
    Steps,
    /// [`digests`](crate::store::Store::digests).
    Digests,
    /// [`effects`](crate::store::Store::effects).
    Effects,
    /// [`questions`](crate::store::Store::questions).
    Questions,
    /// [`snapshot`](crate::store::Store::snapshot).
    Snapshot,
    /// [`graph`](crate::store::Store::graph).
    Graph,
    /// [`graphs`](crate::store::Store::graphs).
    Graphs,
    /// [`turns`](crate::store::Store::turns).
    Turns,
    /// [`turn`](crate::store::Store::turn).
    Turn,
    /// [`acquire`](crate::store::Store::acquire).
    Acquire,
    /// [`renew`](crate::store::Store::renew).
    Renew,
    /// [`release`](crate::store::Store::release).
    Release,
    /// [`commit`](crate::store::Store::commit).
    Commit,
    /// [`journal`](crate::store::Store::journal).
    Journal,
    /// [`register`](crate::store::Store::register).
    Register,
    /// [`mail`](crate::store::Store::mail).
    Mail,
    /// [`signal`](crate::store::Store::signal).
    Signal,
    /// [`park`](crate::store::Store::park).
    Park,
    /// [`answer`](crate::store::Store::answer).
    Answer,
    /// [`put_snapshot`](crate::store::Store::put_snapshot).
    PutSnapshot,
    /// [`label`](crate::store::Store::label).
    Label,
    /// [`labels`](crate::store::Store::labels).
    Labels,
    /// [`prune`](crate::store::Store::prune).
    Prune,
    /// [`outbox`](crate::store::Store::outbox).
    Outbox,
    /// [`mark_delivered`](crate::store::Store::mark_delivered).
    MarkDelivered,
    /// [`stuck`](crate::store::Store::stuck).
    Stuck,
}

impl StoreCall {
    /// All of them, in the order in which the trait has them.
    pub const ALL: [Self; 30] = [
        Self::Now,
        Self::Head,
        Self::Load,
        Self::Runs,
        Self::Steps,
        Self::Digests,
        Self::Effects,
        Self::Questions,
        Self::Snapshot,
        Self::Graph,
        Self::Graphs,
        Self::Turns,
        Self::Turn,
        Self::Acquire,
        Self::Renew,
        Self::Release,
        Self::Commit,
        Self::Journal,
        Self::Register,
        Self::Mail,
        Self::Signal,
        Self::Park,
        Self::Answer,
        Self::PutSnapshot,
        Self::Label,
        Self::Labels,
        Self::Prune,
        Self::Outbox,
        Self::MarkDelivered,
        Self::Stuck,
    ];

    /// The method's name, e.g. `put_snapshot`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Head => "head",
            Self::Load => "load",
            Self::Runs => "runs",
            Self::Steps => "steps",
            Self::Digests => "digests",
            Self::Effects => "effects",
            Self::Questions => "questions",
            Self::Snapshot => "snapshot",
            Self::Graph => "graph",
            Self::Graphs => "graphs",
            Self::Turns => "turns",
            Self::Turn => "turn",
            Self::Acquire => "acquire",
            Self::Renew => "renew",
            Self::Release => "release",
            Self::Commit => "commit",
            Self::Journal => "journal",
            Self::Register => "register",
            Self::Mail => "mail",
            Self::Signal => "signal",
            Self::Park => "park",
            Self::Answer => "answer",
            Self::PutSnapshot => "put_snapshot",
            Self::Label => "label",
            Self::Labels => "labels",
            Self::Prune => "prune",
            Self::Outbox => "outbox",
            Self::MarkDelivered => "mark_delivered",
            Self::Stuck => "stuck",
        }
    }

    /// Whether it changes anything.
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            Self::Acquire
                | Self::Renew
                | Self::Release
                | Self::Commit
                | Self::Journal
                | Self::Register
                | Self::Signal
                | Self::Park
                | Self::Answer
                | Self::PutSnapshot
                | Self::Label
                | Self::Prune
                | Self::MarkDelivered
        )
    }
}
