/// Which Torii this is.
package enum ProgramVersion {
    /// The version of all three programs.
    package static let current = "0.1.0"
}
