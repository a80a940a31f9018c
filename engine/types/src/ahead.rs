//! Memory that is asked for before it is needed.

/// Asks for the memory of something that will be read or written soon, and does not wait for it. It changes nothing but time:
/// where thousands of things are gone through that no near cache holds, each would be a wait otherwise. Of something large
/// it is the first cache line that comes. Where the processor is another than an x86-64 one, nothing is asked for.
#[inline(always)]
pub fn fetch_ahead<T>(of: &T) {
    #[cfg(target_arch = "x86_64")]
    safe_arch::prefetch_t0(of);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = of;
}
