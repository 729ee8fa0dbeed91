import CGravlaxShims

/// Tells the processor that the caller spins on a value another thread will change.
@inline(__always)
package func spinHint() { gravlax_spin_hint() }
