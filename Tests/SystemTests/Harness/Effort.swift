import Foundation

/// How much a test does: little in every run, more when an environment variable says so.
enum Effort {
    static func count(_ variable: String, _ usual: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? usual
    }
}
