using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary><c>resource:action[:dataset]</c>: what a role allows, or what a route needs.</summary>
/// <remarks>
/// <c>*</c> stands for every resource, action or dataset, and a dataset may be a beginning and a star. Without a dataset a permission is one for all
/// datasets, and for what belongs to none; with a dataset it is only for what lies in such a dataset.
/// </remarks>
/// <param name="Dataset">Of a need: "" for what belongs to no dataset.</param>
internal readonly record struct Permission(string Resource, string Action, string Dataset)
{
    public const int CharsMax = 128;
    private const string Any = "*";

    public static readonly Permission Everything = new(Any, Any, Any);

    /// <returns>False when the text is no permission.</returns>
    public static bool TryParse(string text, out Permission permission)
    {
        permission = default;
        if (text.Length > CharsMax) return false;
        var parts = text.Split(':');
        if (parts.Length is not (2 or 3) || !IsWord(parts[0]) || !IsWord(parts[1])) return false;
        var dataset = parts.Length == 2 ? Any : parts[2];
        if (!IsPattern(dataset)) return false;
        permission = new Permission(parts[0], parts[1], dataset);
        return true;
    }

    /// <exception cref="InvariantViolationException">The text is no permission.</exception>
    public static Permission Parse(string text) =>
        TryParse(text, out var permission) ? permission : throw new InvariantViolationException($"'{text}' is no permission");

    /// <summary>Whether everything that the other one allows is allowed by this one.</summary>
    public bool Covers(Permission other) =>
        IsSame(Resource, other.Resource) && IsSame(Action, other.Action) && CoversDataset(other.Dataset);

    public override string ToString() => Dataset is Any or "" ? $"{Resource}:{Action}" : $"{Resource}:{Action}:{Dataset}";

    private bool CoversDataset(string other)
    {
        if (Dataset == Any || Dataset == other) return true;
        return Dataset.EndsWith('*') && other.StartsWith(Dataset.AsSpan(0, Dataset.Length - 1), StringComparison.Ordinal);
    }

    private static bool IsSame(string own, string other) => own == Any || own == other;

    private static bool IsWord(string text) =>
        text == Any || (text.Length > 0 && char.IsAsciiLetterLower(text[0]) && text.All(letter => char.IsAsciiLetterLower(letter) || letter == '-'));

    private static bool IsPattern(string text)
    {
        if (text == Any) return true;
        var name = text.EndsWith('*') ? text[..^1] : text;
        return EntityKey.IsValidDataset(name) && !EntityKey.IsReserved(name);
    }
}
