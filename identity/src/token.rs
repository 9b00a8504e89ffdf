//! Tokens: 256 bits by chance that open one door. A join token (`rct1_…`) admits one machine once; a user token
//! (`rcu1_…`) is a person's or program's key to the API. Only their hashes are stored.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use rollcall_model::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::KeyError;

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// Joining, once.
    Join,
    /// The API.
    Api,
}

impl TokenUse {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Join => "rct1_",
            Self::Api => "rcu1_",
        }
    }
}

/// A token in clear. Hides itself, and is wiped when dropped.
pub struct Token {
    opens: TokenUse,
    secret: [u8; 32],
}

/// Text that is no token. It does not say what the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no token: expected {}_ and 64 hexadecimal digits", .expected)]
pub struct ParseTokenError {
    expected: &'static str,
}

impl Token {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn random(opens: TokenUse) -> Result<Self, KeyError> {
        Ok(Self { opens, secret: crate::random()? })
    }

    /// Reads a token of this use; white space around it is passed over.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(opens: TokenUse, text: &str) -> Result<Self, ParseTokenError> {
        let error = ParseTokenError { expected: &opens.prefix()[..4] };
        let digits = text.trim().strip_prefix(opens.prefix()).ok_or(error)?;
        let mut secret = [0; 32];
        // One token has one text: upper case is no other way to write it.
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) || hex::decode_to_slice(digits, &mut secret).is_err() {
            return Err(error);
        }
        Ok(Self { opens, secret })
    }

    /// The text, to be shown once to whoever made it.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex::encode(self.secret));
        Zeroizing::new(format!("{}{}", self.opens.prefix(), *digits))
    }

    /// What is stored: SHA-256 of the text. A token has 256 bits, so that no salt or slow hash is called for.
    #[must_use]
    pub fn hash(&self) -> Sha256 {
        Sha256::from_bytes(&crate::sha256(&[self.reveal().as_bytes()]))
    }

    /// Whether this is the token with that hash; takes the same time wherever the two differ.
    #[must_use]
    pub fn is(&self, stored: &Sha256) -> bool {
        verify_slices_are_equal(self.hash().as_str().as_bytes(), stored.as_str().as_bytes()).is_ok()
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}…)", self.opens.prefix())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_read_back_and_hides_itself() {
        for opens in [TokenUse::Join, TokenUse::Api] {
            let token = Token::random(opens).unwrap();
            let text = token.reveal();
            assert_eq!(text.len(), 69);
            let again = Token::parse(opens, &format!("{}\n", *text)).unwrap();
            assert_eq!(again.hash(), token.hash());
            assert_eq!(token.hash(), Sha256::of(text.as_bytes()));
            assert!(again.is(&token.hash()) && !again.is(&Sha256::of(b"")));
            let shown = format!("{token:?} {}", token.hash());
            assert!(!shown.contains(&text[5..15]), "{shown}");
        }
    }

    #[test]
    fn what_is_no_token_of_the_kind_is_refused_without_being_shown() {
        let join = Token::random(TokenUse::Join).unwrap().reveal();
        for text in ["", "rct1_", "rct1_00", &join[..68], &format!("{}0", *join), &join.to_uppercase(), &join[5..]] {
            let error = Token::parse(TokenUse::Join, text).unwrap_err();
            assert_eq!(error.to_string(), "that is no token: expected rct1_ and 64 hexadecimal digits");
        }
        assert!(Token::parse(TokenUse::Api, &join).is_err(), "a join token opens no API");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(rct1_)?\\PC{0,80}") {
            let _ = Token::parse(TokenUse::Join, &text);
        }

        #[test]
        fn another_secret_has_another_hash(secret in any::<[u8; 32]>(), at in 0..32usize, bit in 0..8u8) {
            let token = Token { opens: TokenUse::Join, secret };
            let mut other = secret;
            other[at] ^= 1 << bit;
            prop_assert_ne!(token.hash(), Token { opens: TokenUse::Join, secret: other }.hash());
            prop_assert_ne!(token.hash(), Token { opens: TokenUse::Api, secret }.hash());
        }
    }
}
