//! Which graphs are refused and which are not, and what the code looks like.

use expect_test::expect;
use proc_macro2::TokenStream;
use quote::quote;

use super::{Errors, expand, model};

/// The first line of each error.
fn faults(table: TokenStream) -> Vec<String> {
    let mut found = Errors::new();
    model(quote!(state = S, #table), &mut found);
    let Err(errors) = found.finish() else {
        return Vec::new();
    };
    let line = |error: syn::Error| error.to_string().lines().next().map(str::to_owned);
    errors.into_iter().filter_map(line).collect()
}

#[test]
fn good_graphs_have_no_faults() {
    let graphs = [
        quote!(start -> end),
        quote!(start -> a -> b -> end),
        quote!(start -> [a, b], [a, b] -> end),
        quote!(start -> [a, b] -> end),
        // A loop with a way out, and one that only an error leaves.
        quote!(start -> a -> match { true => a, false => end }),
        quote!(start -> a -> a, a on error -> end),
        // A node with its own row in two joins.
        quote!(start -> [a, b, c], [a, b] -> d -> end, [a, c] -> e -> end, a -> match { _ => [d, end] }),
        // A join that first fires without the loop behind it.
        quote!(start -> [a, b], [a, b] -> c -> match { true => [a, b], false => end }),
        // The same function twice.
        quote!(legal = review, finance = review, start -> [legal, finance] -> sign -> end),
        quote!(start -> each a(items()) else defer b, a -> end, b -> end),
        quote!(start -> [a(1), a(2)], a -> end),
        quote!(start -> plan::first -> r#match -> end),
        quote!(start -> a -> match { X | Y if one() => [b, each c(x) else [d, end]], _ => end }, b -> end, c -> end, d -> end),
    ];
    for graph in graphs {
        assert_eq!(faults(graph.clone()), [""; 0], "{graph}");
    }
}

#[test]
fn joins_are_refused_only_when_they_can_never_fire() {
    let arms = |join: TokenStream| {
        faults(quote!(
            start -> a -> match { X => [b, e], Y => [c, e], Z => d },
            b -> f, c -> end, e -> end, d -> end, f -> end, #join
        ))
    };
    assert_eq!(arms(quote!([b, c] -> z -> end)).len(), 1);
    assert_eq!(arms(quote!([f, c, e] -> z -> end)).len(), 1);
    assert_eq!(arms(quote!([b, e] -> z -> end)), [""; 0]);
    assert_eq!(arms(quote!([a, b] -> z -> end)), [""; 0]);
    // With a loop, or with several tasks, one run takes both arms.
    let looped = quote!(start -> a, a -> match { X => [b, a], Y => c }, b -> end, c -> end, [b, c] -> y -> end);
    assert_eq!(faults(looped), [""; 0]);
    let several =
        quote!(start -> each a(x) else end, a -> match { X => b, Y => c }, [b, c] -> y -> end);
    assert_eq!(faults(several), [""; 0]);
    let twice = quote!(start -> [a, z], z -> a, a -> match { X => b, Y => c }, [b, c] -> y -> end);
    assert_eq!(faults(twice), [""; 0]);
    // A failed node takes no arm.
    let failed = quote!(start -> a, a -> b, a on error -> c, [b, c] -> y -> end);
    assert_eq!(faults(failed).len(), 0, "a plain row is no `match`");
    let failed =
        quote!(start -> a -> match { X => b, Y => end }, a on error -> c, [b, c] -> y -> end);
    assert_eq!(faults(failed).len(), 1);
}

#[test]
fn one_fault_is_one_error() {
    let graphs = [
        (quote!(a -> b -> end), "no row says where the graph starts"),
        (quote!(start -> a), "no row says where `a` goes next"),
        (
            quote!(start -> a -> end, b -> c -> d -> b),
            "no path from `start` leads to `b`",
        ),
        (
            quote!(start -> [a, b], [a, b, d] -> c -> d -> end),
            "this join waits for `d`, which only this join leads to",
        ),
        (
            quote!(start -> a -> b -> c -> b),
            "`b` leads only round and round through `c` and never to `end`",
        ),
        (
            quote!(start -> a -> end, end -> b -> end),
            "nothing comes after `end`",
        ),
        (quote!(start -> a -> start), "nothing goes back to `start`"),
        (
            quote!(start -> a, a -> end, a -> b, b -> end),
            "`a` has two rows: `a -> end` and `a -> b`",
        ),
        (
            quote!(start -> a -> [b, c] -> match { _ => d }, d -> end),
            "a join has no single route to `match` on",
        ),
    ];
    for (graph, fault) in graphs {
        let first = faults(graph.clone());
        // A cycle that is not reached has no way out either, which is reported.
        let expected = first
            .iter()
            .filter(|error| !error.contains("round and round through `c` and `d`"));
        assert_eq!(expected.collect::<Vec<_>>(), [fault], "{graph}");
    }
}

#[test]
fn one_slip_of_the_pen_is_one_error_and_hides_no_other() {
    let graphs = [
        quote!(start -> pack -> [shpi, charge], [ship, charge] -> done -> end),
        quote!(start -> pack, pakc -> plan -> end),
        quote!(start -> pack -> charge -> end, chrage on error -> end),
        quote!(start -> [ship, charge], ship -> pack -> end, [shpi, charge] -> done -> end),
    ];
    for graph in graphs {
        assert_eq!(faults(graph.clone()).len(), 1, "{graph}");
        let two = faults(quote!(#graph, elsewhere -> end));
        assert_eq!(two.len(), 2, "{two:#?}");
    }
    // Names that are in one list are two.
    let faults = faults(quote!(start -> [step_a, step_b], step_a -> end));
    assert_eq!(faults, ["no row says where `step_b` goes next"]);
}

/// A graph for each place where an `each` can be, followed by `words`.
fn with_each(words: &TokenStream) -> [TokenStream; 9] {
    [
        quote!(start -> each a(x) #words, a -> end),
        quote!(start -> [b, each a(x) #words], a -> end, b -> end),
        quote!(start -> b -> [each a(x) #words, b2], a -> end, b2 -> end),
        quote!(start -> b -> [c, d] -> b2 -> each a(x) #words, a -> end),
        quote!(start -> b, b -> each deep::a(x) #words, deep::a -> end),
        quote!(start -> b -> match { X(x) if x.any() => each a(x) #words, _ => end }, a -> end),
        quote!(start -> b -> match { X(x) => [c, each a(x) #words], _ => end }, a -> end, c -> end),
        quote!(start -> [b, [c, each a(x) #words]], a -> end, b -> end, c -> end),
        quote!(start -> each b(x) else each a(y) #words, a -> end, b -> end),
    ]
}

#[test]
fn each_says_where_to_go_without_items_wherever_it_stands() {
    let good = [
        (quote!(else end), quote!()),
        (quote!(else z), quote!(z -> end)),
        (quote!(else [z, defer y]), quote!(z -> end, y -> end)),
        (quote!(else each z(x) else y(1)), quote!(z -> end, y -> end)),
    ];
    for (words, rows) in &good {
        for graph in with_each(words) {
            assert_eq!(faults(quote!(#graph, #rows)), [""; 0], "{graph}");
        }
    }
    for graph in with_each(&quote!()) {
        let faults = faults(graph.clone());
        let told = faults
            .iter()
            .map(|fault| fault.ends_with("a` has no `else`"));
        assert_eq!(told.collect::<Vec<_>>(), [true], "{graph}: {faults:?}");
    }
}

#[test]
fn a_missing_else_hides_no_other_fault_and_makes_none() {
    // Two of one list, and what else is wrong.
    let two = faults(quote!(start -> [each a(x), each b(x)], a -> end, b -> c));
    assert_eq!(
        two,
        [
            "`each a` has no `else`",
            "`each b` has no `else`",
            "no row says where `c` goes next"
        ]
    );
    // With the missing words, which lead out of the cycle, this is a good graph.
    let circle = faults(quote!(start -> a -> match { _ => each b(x) }, b -> a));
    assert_eq!(circle, ["`each b` has no `else`"]);
    // Where no `each` is allowed, no words help.
    for graph in [
        quote!(start -> [a, b], [a, b] -> each c(x), c -> end),
        quote!(start -> a -> end, a on error -> each c(x), c -> end),
        quote!(start -> a -> each end(x)),
    ] {
        let faults = faults(graph);
        assert!(
            faults.len() == 1 && !faults[0].contains("`else`"),
            "{faults:?}"
        );
    }
}

#[test]
fn unreadable_entries_are_reported_together() {
    let faults = faults(quote!(start -> a, a => b, 3, b -> each c, conflict = newest, c -> end));
    assert_eq!(faults.len(), 4, "{faults:#?}");
}

#[test]
fn checks_of_a_large_graph_take_no_time() {
    let names: Vec<_> = (0..5_000).map(|at| quote::format_ident!("n{at}")).collect();
    let rows = names.windows(4).step_by(3).map(|four| {
        let [a, b, c, d] = four else { unreachable!() };
        quote!(#a -> [#b, #c] -> #d,)
    });
    let first = &names[0];
    let last = &names[names.len() - 2];
    let table = quote!(start -> #first, #(#rows)* #last -> end);
    let mut found = Errors::new();
    let parsed = super::parse::table(table, &mut found);
    let mut model = super::build::model(parsed, &mut found);
    let started = std::time::Instant::now();
    super::check::graph(&mut model, &mut found);
    let took = started.elapsed();
    assert!(
        took.as_millis() < 1_000,
        "{took:?} for {} nodes",
        model.nodes.len()
    );
    let _ = found.finish();
}

fn printed(table: TokenStream, item: TokenStream) -> String {
    let file = syn::parse2(expand(table, item)).unwrap();
    prettyplease::unparse(&file)
}

#[test]
fn the_row_of_a_match_sees_the_route_alone() {
    let code = printed(
        quote!(state = S, start -> a, a -> match { Way::Many(xs) => each b(xs) else c, Way::One(x) if x > 0 => [b(x), defer c], _ => end }, b -> end, c -> end),
        quote!(
            pub struct G;
        ),
    );
    let row = code.split("0u32 => {").nth(1).unwrap();
    let row = row.split("1u32 => {").next().unwrap().trim_end();
    let row = row
        .lines()
        .skip(1)
        .map(|line| line.get(16..).unwrap_or_default());
    let row = row.collect::<Vec<_>>().join("\n");
    expect![[r#"
        __rt::glue::step::<
            G,
            __N0,
            _,
            _,
            _,
        >(
            __graph,
            __input,
            __state,
            __cx,
            |__given| {
                let __route = __rt::glue::route(
                    ::core::convert::identity(__given),
                );
                let mut __hops = __rt::Hops::none();
                match __route {
                    Way::Many(xs) => {
                        if !__rt::glue::each::<__N1>(&mut __hops, 1u32, xs) {
                            __rt::Hops::to(&mut __hops, 2u32);
                        }
                    }
                    Way::One(x) if x > 0 => {
                        {
                            let __item: __rt::glue::InputOf<__N1> = x;
                            __rt::Hops::with(
                                &mut __hops,
                                3u32,
                                __rt::glue::item::<__N1>(__item),
                            );
                        }
                        __rt::Hops::to(&mut __hops, 4u32);
                    }
                    _ => {
                        __rt::Hops::to(&mut __hops, 5u32);
                    }
                }
                __hops
            },
        )
    "#]]
    .assert_eq(&row);
}

#[test]
fn a_graph_with_faults_still_is_a_graph() {
    let code = printed(
        quote!(state = S, a -> end),
        quote!(
            struct G {
                #[graph(skip)]
                x: u8,
            }
        ),
    );
    assert!(code.contains("compile_error!"));
    assert!(code.contains("impl __rt::Graph for G"));
    assert!(code.contains("struct G {\n    x: u8,\n}"), "{code}");
}
