using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Checks;

/// <summary>An entity as a register: its revision and state.</summary>
/// <param name="Revision">0 while there is none.</param>
internal sealed record RegisterState(long Revision, ModelState? State)
{
    public static readonly RegisterState Absent = new(0, null);

    // States that one revision could have come to differ in these; comparing them as one text is simple, and computed once.
    private string? _text;

    public bool IsLive => State is { IsDeleted: false };

    public string Text => _text ??= State is null
        ? "absent"
        : $"{Revision} {State.IsDeleted} {State.ContentType} {State.Content} {string.Join('\n', State.Tags)}";

    public bool Equals(RegisterState? other) => other is not null && Revision == other.Revision && Text == other.Text;

    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);
}
