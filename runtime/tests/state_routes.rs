//! `#[derive(Route)]` on any enum.

use superstep::Route;

fn is_a_route<R: Route>() {}

#[test]
fn enums_and_bool_are_routes() {
    #[derive(Route)]
    enum Plain {
        _Search(Vec<String>),
        _Write { _draft: bool },
        _Stop,
    }
    #[derive(Route)]
    enum Generic<T>
    where
        T: Clone,
    {
        _Go(T),
    }
    is_a_route::<bool>();
    is_a_route::<Plain>();
    is_a_route::<Generic<u8>>();
}
