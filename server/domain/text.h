/*
 * text -- what customerd knows about text: clean UTF-8, its length, its folded
 * form, slugs, emails, dates, addresses of the internet.
 *
 * Over utf8proc and libidn2.  Pure functions; any thread.  Functions that make a new
 * text append it to the caller's buf and return false when the input has no such
 * form (memory failures show in the buf).
 */

#ifndef DOMAIN_TEXT_H
#define DOMAIN_TEXT_H

#include "proto/buf.h"
#include "proto/slice.h"

#define EMAIL_KEY_BYTES_MAX 400u
#define SLUG_BYTES_MAX 310u /* leaves room for a number behind it */

/*
 * Is TEXT strict UTF-8 (no overlong form, no surrogate, nothing above U+10FFFF),
 * without NUL, other control characters, U+FFFE, U+FFFF and the characters that
 * reorder what a reader sees (U+202A-202E, U+2066-2069)?  Line feed, carriage
 * return, tab and the separators U+2028 and U+2029 pass only with MULTILINE.
 */
bool text_is_clean(struct slice text, bool multiline);

/* Code points in TEXT, which must be clean. */
size_t text_length(struct slice text);

/* Append TEXT as texts are compared without regard to case (NFKC, folded). */
bool text_fold(struct slice text, struct buf *out);

/*
 * Is TEXT an email address?  One @, a local part of 1..64 bytes without spaces,
 * controls, quotes, brackets, commas, colons, semicolons, backslashes, leading,
 * trailing or doubled dots; a domain of at least two labels that IDNA 2008 takes;
 * a key (see below) that is not too long.  The key lies in SCRATCH for a moment, which
 * is left as it was, or failed: then the answer says nothing.
 */
bool text_is_email(struct slice text, struct buf *scratch);

/*
 * Append the key under which no two customers may share an email: local part
 * folded, domain as A-labels in lower case.  False above EMAIL_KEY_BYTES_MAX.
 */
bool text_email_key(struct slice email, struct buf *out);

/*
 * Append the slug of NAME: folded, without marks, letters and digits kept (a to z
 * and 0 to 9, after transliteration of what has a plain form: "Łukasz Øre" gives
 * "lukasz-ore"), everything else one hyphen, none at the ends, cut at SLUG_BYTES_MAX.
 * False when nothing is left.
 */
bool text_slug(struct slice name, struct buf *out);

/* YYYY-MM-DD, a day that exists, year 1..9999. */
bool text_is_date(struct slice text);

/* inet_pton() takes it, as IPv4 or IPv6. */
bool text_is_ip(struct slice text);

/* Two capitals of ISO 3166-1, from the iso-codes package at build time. */
bool text_is_country(struct slice text);

/* 2..3 letters, then groups of 2..8 letters or digits behind - or _. */
bool text_is_language(struct slice text);

/* Letters, digits, _ - and : only, ASCII. */
bool text_is_tag(struct slice text);

/* Exactly 10 ASCII letters and digits. */
bool text_is_uid(struct slice text);

/* Exactly 64 hexadecimal digits, in lower case. */
bool text_is_sha256(struct slice text);

#endif
