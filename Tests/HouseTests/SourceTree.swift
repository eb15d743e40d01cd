import Foundation

/// The files of the repository that this test was built from.
struct SourceTree {
    struct File {
        /// Path from the root of the repository.
        let path: String
        let text: String
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        /// The target the file belongs to: the folder below `Sources` or `Tests`.
        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    }

    let root: URL

    init() {
        root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    /// All files below `folder` whose names end in one of `extensions`, build folders not among them.
    func files(below folder: String, extensions: Set<String> = ["swift"]) -> [File] {
        let start = root.appendingPathComponent(folder)
        guard let walk = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil) else {
            return []
        }
        var files: [File] = []
        for case let url as URL in walk {
            if url.lastPathComponent == ".build" {
                walk.skipDescendants()
                continue
            }
            guard extensions.contains(url.pathExtension),
                let text = try? String(contentsOf: url, encoding: .utf8)
            else { continue }
            let path = url.path.dropFirst(root.path.count + 1)
            files.append(File(path: String(path), text: text))
        }
        return files.sorted { $0.path < $1.path }
    }

    /// Names of the folders directly below `folder`.
    func folders(below folder: String) -> [String] {
        let start = root.appendingPathComponent(folder)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: start.path)) ?? []
        return names.filter {
            var isFolder: ObjCBool = false
            let path = start.appendingPathComponent($0).path
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
        }.sorted()
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }
}
