/// Other names of the program, for scripts that know `named-checkconf` and `named-checkzone`.
enum Alias {
    /// The words after the program's name; as `torii-checkconf` and `torii-checkzone` with the verb in front.
    static func words(_ arguments: [String]) -> [String] {
        let path = arguments.first ?? ""
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let rest = Array(arguments.dropFirst())
        switch name {
        case "torii-checkconf": return ["check", "conf"] + (rest.isEmpty ? ["conf/torii.yaml"] : rest)
        case "torii-checkzone": return ["check", "zone"] + rest
        default: return rest
        }
    }
}
