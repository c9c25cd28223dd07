//! The formulas of the design, by hand: what makes a damaged row pass for an
//! intact one.

use sha2::{Digest as _, Sha256};

pub type Hash = [u8; 32];

/// SHA-256 over parts, each prefixed with its length.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// `graph` is there where the step is of another one than the step before.
pub fn step_digest(updates: &str, frontier: &str, graph: Option<Hash>) -> Hash {
    let mut parts = vec![updates.as_bytes(), frontier.as_bytes()];
    parts.extend(graph.as_ref().map(|graph| &graph[..]));
    sha256(&parts)
}

pub fn first_chain(fingerprint: &[u8], seed: u64, input: &str) -> Hash {
    sha256(&[fingerprint, &seed.to_le_bytes(), input.as_bytes()])
}

pub fn next_chain(previous: &[u8], updates: &str, frontier: &str, graph: Option<Hash>) -> Hash {
    let mut parts = vec![previous, updates.as_bytes(), frontier.as_bytes()];
    parts.extend(graph.as_ref().map(|graph| &graph[..]));
    sha256(&parts)
}

/// An effect as its step's journal digest covers it.
pub struct Effect {
    pub task: Vec<u8>,
    pub name: String,
    pub n: u64,
    pub kind: String,
    pub call: Option<u64>,
    pub attempt: u64,
    pub request: Vec<u8>,
    pub excerpt: String,
    pub response: Option<String>,
    pub error: Option<String>,
}

pub fn journal_digest(notes: Option<&str>, effects: &[Effect]) -> Option<Hash> {
    if notes.is_none() && effects.is_empty() {
        return None;
    }
    let number = |number: u64| number.to_le_bytes().to_vec();
    let mut parts: Vec<Vec<u8>> = vec![notes.unwrap_or_default().into()];
    for effect in effects {
        parts.push(effect.task.clone());
        parts.push(effect.name.clone().into());
        parts.push(number(effect.n));
        parts.push(effect.kind.clone().into());
        parts.push(number(effect.call.map_or(0, |call| call.wrapping_add(1))));
        parts.push(number(effect.attempt));
        parts.push(effect.request.clone());
        parts.push(effect.excerpt.clone().into());
        for text in [&effect.response, &effect.error] {
            parts.push(number(text.is_some().into()));
            parts.extend(text.clone().map(String::into_bytes));
        }
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Some(sha256(&parts))
}
