//! Who is who, and how it is proved: the site root and its certificate authorities, join tokens, certificates, signed
//! hellos and sealed capability tags.
