using System.Collections;
using System.Text;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Writes out all public properties, so that messages with arrays can be compared by their content.</summary>
internal static class ObjectText
{
    public static string Of(object? value)
    {
        var text = new StringBuilder();
        Write(text, value);
        return text.ToString();
    }

    private static void Write(StringBuilder text, object? value)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                return;
            case string or ValueType and IFormattable:
            case bool or UInt128:
                text.Append(value);
                return;
            case ReadOnlyMemory<byte> bytes:
                text.Append(Convert.ToHexString(bytes.Span));
                return;
            case IEnumerable many:
                text.Append('[');
                foreach (var one in many)
                {
                    Write(text, one);
                    text.Append(',');
                }

                text.Append(']');
                return;
        }

        text.Append(value.GetType().Name).Append('{');
        foreach (var property in value.GetType().GetProperties().Where(property => property.GetMethod is { IsStatic: false } && property.GetIndexParameters().Length == 0))
        {
            if (property.PropertyType == value.GetType() || property.Name is "Next") continue;
            text.Append(property.Name).Append('=');
            Write(text, property.GetValue(value));
            text.Append(';');
        }

        text.Append('}');
    }
}
