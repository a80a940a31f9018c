//! Operators without a memory. Not ready is NaN; a condition is 1 for true and 0 for false.

use crate::limits::VALUE_MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Neg,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    Add,
    Sub,
    Mul,
    Div,
}

impl Unary {
    /// As written, with the space that follows.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Unary::Neg => "-",
            Unary::Not => "not ",
        }
    }

    /// How tightly it binds; see [`Binary::power`].
    pub(crate) fn power(self) -> u8 {
        match self {
            Unary::Not => 3,
            Unary::Neg => 7,
        }
    }
}

impl Binary {
    const ALL: [Binary; 12] = [
        Binary::Or,
        Binary::And,
        Binary::Lt,
        Binary::Le,
        Binary::Gt,
        Binary::Ge,
        Binary::Eq,
        Binary::Ne,
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
    ];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Binary::Or => "or",
            Binary::And => "and",
            Binary::Lt => "<",
            Binary::Le => "<=",
            Binary::Gt => ">",
            Binary::Ge => ">=",
            Binary::Eq => "==",
            Binary::Ne => "!=",
            Binary::Add => "+",
            Binary::Sub => "-",
            Binary::Mul => "*",
            Binary::Div => "/",
        }
    }

    pub(crate) fn find(text: &str) -> Option<Binary> {
        Binary::ALL.into_iter().find(|binary| binary.text() == text)
    }

    /// How tightly it binds: more binds first.
    pub(crate) fn power(self) -> u8 {
        match self {
            Binary::Or => 1,
            Binary::And => 2,
            Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge | Binary::Eq | Binary::Ne => 4,
            Binary::Add | Binary::Sub => 5,
            Binary::Mul | Binary::Div => 6,
        }
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.power() == Binary::Lt.power()
    }

    /// Whether the result is true or false.
    pub(crate) fn is_condition(self) -> bool {
        self.power() <= Binary::Lt.power()
    }
}

/// NaN for what is too large to go on with: infinities and beyond [`VALUE_MAX`].
#[inline]
pub(crate) fn tame(x: f64) -> f64 {
    if x.abs() <= VALUE_MAX { x } else { f64::NAN }
}

/// `holds` as a condition if both are ready.
#[inline]
fn condition(a: f64, b: f64, holds: bool) -> f64 {
    let value = if holds { 1.0 } else { 0.0 };
    if a.is_nan() | b.is_nan() {
        f64::NAN
    } else {
        value
    }
}

#[inline]
pub(crate) fn neg(a: f64) -> f64 {
    -a
}

#[inline]
pub(crate) fn not(a: f64) -> f64 {
    condition(a, a, a == 0.0)
}

#[inline]
pub(crate) fn add(a: f64, b: f64) -> f64 {
    tame(a + b)
}

#[inline]
pub(crate) fn sub(a: f64, b: f64) -> f64 {
    tame(a - b)
}

#[inline]
pub(crate) fn mul(a: f64, b: f64) -> f64 {
    tame(a * b)
}

#[inline]
pub(crate) fn div(a: f64, b: f64) -> f64 {
    tame(a / b)
}

#[inline]
pub(crate) fn lt(a: f64, b: f64) -> f64 {
    condition(a, b, a < b)
}

#[inline]
pub(crate) fn le(a: f64, b: f64) -> f64 {
    condition(a, b, a <= b)
}

#[inline]
pub(crate) fn gt(a: f64, b: f64) -> f64 {
    condition(a, b, a > b)
}

#[inline]
pub(crate) fn ge(a: f64, b: f64) -> f64 {
    condition(a, b, a >= b)
}

#[inline]
pub(crate) fn eq(a: f64, b: f64) -> f64 {
    condition(a, b, a == b)
}

#[inline]
pub(crate) fn ne(a: f64, b: f64) -> f64 {
    condition(a, b, a != b)
}

/// False if either is false, even if the other is not ready (Kleene).
#[inline]
pub(crate) fn and(a: f64, b: f64) -> f64 {
    if (a == 0.0) | (b == 0.0) {
        0.0
    } else {
        condition(a, b, true)
    }
}

/// True if either is true, even if the other is not ready (Kleene).
#[inline]
pub(crate) fn or(a: f64, b: f64) -> f64 {
    if is_true(a) | is_true(b) {
        1.0
    } else {
        condition(a, b, false)
    }
}

/// Whether a value counts as true: ready and not zero.
#[inline]
#[must_use]
pub fn is_true(a: f64) -> bool {
    !a.is_nan() & (a != 0.0)
}

#[inline]
pub(crate) fn min(a: f64, b: f64) -> f64 {
    let smaller = if b < a { b } else { a };
    if b.is_nan() { b } else { smaller }
}

#[inline]
pub(crate) fn max(a: f64, b: f64) -> f64 {
    let larger = if b > a { b } else { a };
    if b.is_nan() { b } else { larger }
}

#[inline]
pub(crate) fn abs(a: f64) -> f64 {
    a.abs()
}

#[inline]
pub(crate) fn sqrt(a: f64) -> f64 {
    a.sqrt()
}

/// By an implementation in Rust, not by that of the platform: outputs and their hash are the same everywhere.
#[inline]
pub(crate) fn log(a: f64) -> f64 {
    tame(libm::log(a))
}

/// `a` or `b`, whichever the condition chooses; the other need not be ready.
#[inline]
pub(crate) fn choose(condition: f64, a: f64, b: f64) -> f64 {
    let chosen = if condition == 0.0 { b } else { a };
    if condition.is_nan() { f64::NAN } else { chosen }
}

/// `a` once `b` is ready.
#[inline]
pub(crate) fn gate(a: f64, b: f64) -> f64 {
    if b.is_nan() { f64::NAN } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: f64 = 1.0;
    const F: f64 = 0.0;
    const N: f64 = f64::NAN;

    fn same(found: f64, expected: f64) {
        assert!(
            found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
            "{found} is not {expected}"
        );
    }

    #[test]
    fn logic_is_kleenes() {
        for (a, b, both, either) in [
            (T, T, T, T),
            (T, F, F, T),
            (F, F, F, F),
            (T, N, N, T),
            (F, N, F, N),
            (N, N, N, N),
        ] {
            same(and(a, b), both);
            same(and(b, a), both);
            same(or(a, b), either);
            same(or(b, a), either);
        }
        same(not(T), F);
        same(not(F), T);
        same(not(N), N);
    }

    #[test]
    fn not_ready_spreads_through_the_rest() {
        for f in [add, sub, mul, div, lt, le, gt, ge, eq, ne, min, max] {
            same(f(1.0, N), N);
            same(f(N, 1.0), N);
        }
        same(choose(N, 1.0, 2.0), N);
        same(choose(T, 1.0, N), 1.0);
        same(choose(F, N, 2.0), 2.0);
    }

    /// The exact logarithms, by Python's `decimal` at 60 digits, rounded once.
    #[test]
    fn logarithms_are_the_same_bits_everywhere() {
        for (x, bits) in [
            (1.0, 0x0000_0000_0000_0000_u64),
            (2.0, 0x3fe6_2e42_fefa_39ef),
            (10.0, 0x4002_6bb1_bbb5_5516),
            (1e-9, 0xc034_b927_f32b_ffb8),
            (0.999_999, 0xbeb0_c6f8_2d74_d230),
            (68_432.17, 0x4026_4466_ff90_b734),
        ] {
            let found = log(x).to_bits();
            assert_eq!(found, bits, "log({x}) is {found:#018x}");
        }
    }

    #[test]
    fn undefined_is_not_ready() {
        same(div(0.0, 0.0), N);
        same(div(1.0, 0.0), N);
        same(log(0.0), N);
        same(sqrt(-1.0), N);
        same(mul(1e60, 1e60), N);
        same(add(VALUE_MAX, 0.0), VALUE_MAX);
    }
}
