use std::fmt;
use std::str::FromStr;

/// A call to one of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Reserve,
    Charge,
    Ship,
    Refund,
    Release,
}

impl Call {
    pub const ALL: [Self; 5] = [
        Self::Reserve,
        Self::Charge,
        Self::Ship,
        Self::Refund,
        Self::Release,
    ];

    /// Its word: the effect's name and the end of what `--die-at` takes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Charge => "charge",
            Self::Ship => "ship",
            Self::Refund => "refund",
            Self::Release => "release",
        }
    }
}

/// Before the service gets a call, or after it has served it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

impl Moment {
    pub const ALL: [Self; 2] = [Self::Before, Self::After];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Where the process dies, e.g. `after-charge`: the bank has the money, and nobody here knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DieAt {
    pub moment: Moment,
    pub call: Call,
}

impl DieAt {
    /// Every place.
    pub fn all() -> impl Iterator<Item = Self> {
        let places = |moment| Call::ALL.map(|call| Self { moment, call });
        Moment::ALL.into_iter().flat_map(places)
    }
}

impl fmt::Display for DieAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.moment.as_str(), self.call.as_str())
    }
}

impl FromStr for DieAt {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let unknown = || {
            let places: Vec<_> = Self::all().map(|place| place.to_string()).collect();
            format!("`--die-at` takes one of {}", places.join(", "))
        };
        let mut places = Self::all();
        let place = places.find(|place| place.to_string() == word);
        place.ok_or_else(unknown)
    }
}
