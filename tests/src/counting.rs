//! What a library does that hides the engine behind a macro of its own.

#[doc(hidden)]
pub use superstep as engine;

/// A route, nodes and a graph over the caller's state.
#[macro_export]
macro_rules! counting {
    ($graph:ident over $state:ty) => {
        #[derive($crate::counting::engine::Route)]
        #[superstep(crate = $crate::counting::engine)]
        pub enum Next {
            More(u64),
            Enough,
        }

        #[$crate::counting::engine::node(crate = $crate::counting::engine, retry(attempts = 2))]
        pub fn look(state: &$state, limit: &u64) -> Next {
            match state.count < *limit {
                true => Next::More(1),
                false => Next::Enough,
            }
        }

        #[$crate::counting::engine::node(crate = $crate::counting::engine)]
        pub async fn count(
            _: &$state,
            by: u64,
        ) -> <$state as $crate::counting::engine::State>::Update {
            <$state>::update().count(by)
        }

        #[$crate::counting::engine::graph(
                    crate = $crate::counting::engine,
                    state = $state,
                    start -> look -> match { Next::More(by) => count(by), Next::Enough => end },
                    count -> look,
                )]
        pub struct $graph {
            pub limit: u64,
        }
    };
}
