/// One thing wrong in a configuration file, with its place.
///
/// Reads as `conf/torii.yaml:12:5: listen[0].port: 66000 is not a port`.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file as the user named it.
    package let file: String
    /// Where in the file; nil when the file as a whole is meant.
    package let location: ConfigurationLocation?
    /// The option, such as `listen[0].port`; empty for the whole file.
    package let path: String
    /// What is wrong, as a sentence without a full stop.
    package let message: String

    package init(file: String, location: ConfigurationLocation?, path: String, message: String) {
        self.file = file
        self.location = location
        self.path = path
        self.message = message
    }

    package var description: String {
        let place = location.map { ":\($0.line):\($0.column)" } ?? ""
        return "\(file)\(place): \(path.isEmpty ? "" : path + ": ")\(message)"
    }
}

/// Everything wrong in a configuration file, in the order of the file.
///
/// Never empty.
package struct ConfigurationErrors: Error, Sendable, CustomStringConvertible {
    package let errors: [ConfigurationError]

    package init(_ errors: [ConfigurationError]) {
        self.errors = errors
    }

    /// One error a line.
    package var description: String { errors.map(\.description).joined(separator: "\n") }
}

/// A place in a file; both count from 1, columns in Unicode scalars.
package struct ConfigurationLocation: Hashable, Comparable, Sendable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (left: ConfigurationLocation, right: ConfigurationLocation) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// Why a value is not what its option needs: the text that follows the option's path in the error.
package struct ConfigurationProblem: Error, Sendable {
    package let message: String

    package init(_ message: String) {
        self.message = message
    }
}
