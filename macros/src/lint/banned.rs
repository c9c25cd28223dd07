//! Which calls, and what to write instead.

use super::Place;

/// A call whose value differs from run to run.
pub(super) struct Call {
    /// Its full path; for an associated function, the type and the name.
    path: &'static [&'static str],
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Clock,
    Random,
    Uuid,
    Sleep,
    Spawn,
    Env,
}

const CALLS: [Call; 11] = [
    call(&["SystemTime", "now"], Kind::Clock),
    call(&["Instant", "now"], Kind::Clock),
    call(&["Utc", "now"], Kind::Clock),
    call(&["Local", "now"], Kind::Clock),
    call(&["rand", "rng"], Kind::Random),
    call(&["rand", "thread_rng"], Kind::Random),
    call(&["rand", "random"], Kind::Random),
    call(&["Uuid", "new_v4"], Kind::Uuid),
    call(&["tokio", "time", "sleep"], Kind::Sleep),
    call(&["tokio", "spawn"], Kind::Spawn),
    call(&["std", "env", "var"], Kind::Env),
];

const fn call(path: &'static [&'static str], kind: Kind) -> Call {
    Call { path, kind }
}

/// The banned call that `path` names, if any.
pub(super) fn find(path: &[String]) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.is_named_by(path))
}

impl Call {
    /// A type's function counts whatever module it is reached through; a free
    /// function counts if the path is the end of its own, from a module on.
    fn is_named_by(&self, path: &[String]) -> bool {
        let of_type = self.path[0].starts_with(char::is_uppercase);
        let longest = if of_type { usize::MAX } else { self.path.len() };
        let mut same = path.iter().rev().zip(self.path.iter().rev());
        (2..=longest).contains(&path.len()) && same.all(|(one, other)| one == other)
    }

    /// The error's text for the call `written` at that place.
    pub(super) fn message(&self, written: &str, place: Place<'_>) -> String {
        let what = match self.kind {
            Kind::Clock => "reads the clock, which another attempt would read again",
            Kind::Random => {
                "draws from a global random source, which another attempt cannot repeat"
            }
            Kind::Uuid => "makes a random id, and another attempt would make another",
            Kind::Sleep => "forgets its deadline in a crash, and another attempt would wait again",
            Kind::Spawn => "starts work that the run neither waits for nor records",
            Kind::Env => "reads the process's environment, and the next process may have another",
        };
        let by_cx = |call: &str| match place {
            Place::Node(Some(cx)) => format!("`{cx}.{call}`"),
            Place::Node(None) => format!("`cx.{call}` (take `cx: &Cx`)"),
            Place::Table => format!("`cx.{call}` in a node"),
        };
        let effect = || by_cx("effect(name, &request).run(|| …)");
        let help = match self.kind {
            Kind::Clock => {
                format!("read it with {}, which is recorded", by_cx("now()"))
            }
            Kind::Random => {
                format!("draw from {}, the same on every attempt", by_cx("rng()"))
            }
            Kind::Uuid => {
                format!(
                    "make it with {}, the same on every attempt",
                    by_cx("uuid()")
                )
            }
            Kind::Sleep => {
                "end the run here, and give it a further turn when it is time".to_owned()
            }
            Kind::Spawn => format!(
                "await it {}, or make it a node of its own; what calls the outside goes into {}",
                match place {
                    Place::Node(_) => "here",
                    Place::Table => "in a node",
                },
                effect()
            ),
            Kind::Env => format!(
                "read it into a field of the graph and take that as `&T`, or record it with {}",
                effect()
            ),
        };
        let excuse = match place {
            Place::Node(cx) => format!(
                "`{}.untracked(|| …)` excuses one expression, `#[node(allow(nondeterminism))]` the node",
                cx.unwrap_or("cx")
            ),
            Place::Table => "`allow(nondeterminism)` in `#[graph(…)]` excuses the table".to_owned(),
        };
        format!("`{written}` {what}\nhelp: {help}\nnote: {excuse}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_banned(path: &str) -> bool {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        find(&path).is_some()
    }

    #[test]
    fn listed_calls_are_found_however_far_they_are_qualified() {
        for path in [
            "SystemTime::now",
            "std::time::SystemTime::now",
            "tokio::time::Instant::now",
            "chrono::offset::Utc::now",
            "Local::now",
            "rand::rng",
            "rand::thread_rng",
            "rand::random",
            "uuid::Uuid::new_v4",
            "tokio::time::sleep",
            "time::sleep",
            "tokio::spawn",
            "std::env::var",
            "env::var",
        ] {
            assert!(is_banned(path), "{path}");
        }
    }

    #[test]
    fn other_calls_are_left_alone() {
        for path in [
            "now",
            "random",
            "sleep",
            "clock::now",
            "mine::time::sleep",
            "crate::rand::rng",
            "Uuid::new_v5",
            "std::thread::sleep",
        ] {
            assert!(!is_banned(path), "{path}");
        }
    }

    #[test]
    fn the_help_names_what_the_context_has() {
        let help = |path: &str, cx| {
            let path: Vec<String> = path.split("::").map(str::to_owned).collect();
            let message = find(&path)
                .unwrap()
                .message(&path.join("::"), Place::Node(cx));
            message.lines().nth(1).unwrap().to_owned()
        };
        for (path, call) in [
            ("Utc::now", "now()"),
            ("rand::random", "rng()"),
            ("Uuid::new_v4", "uuid()"),
            ("tokio::spawn", "effect(name, &request).run(|| …)"),
            ("std::env::var", "effect(name, &request).run(|| …)"),
        ] {
            let with = help(path, Some("context"));
            assert!(with.contains(&format!("`context.{call}`")), "{with}");
            assert!(!with.contains("take `cx: &Cx`"), "{with}");
            let without = help(path, None);
            let taken = format!("`cx.{call}` (take `cx: &Cx`)");
            assert!(without.contains(&taken), "{without}");
        }
    }
}
