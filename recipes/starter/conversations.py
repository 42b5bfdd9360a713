"""Conversations for the starter model, short enough for a model of five million parameters.

Made from the stories of its training set (requests for a story, by subject, by words or by its beginning), from the short
answers of sft/instructions_basic.jsonl, and from a few templates: greetings, thanks, counting, opposites, animals.
A conversation is a list of turns that alternate between user and assistant.
"""
import json
import random
import re

GREETINGS = ["Hello!", "Hi!", "Hi there!", "Hello there.", "Hey!", "hello", "hi", "Good morning!", "Good evening!", "Hello, how are you?", "Hi, who are you?"]
WELCOMES = ["Hello! I am happy to see you. Would you like a story?", "Hi! How are you today? I can tell you a story.",
            "Hello! I am a small storyteller. What would you like to hear about?", "Hi there! Shall I tell you a story?"]
WHO = ["Who are you?", "What is your name?", "What can you do?", "Are you a robot?", "What are you?", "Tell me about yourself."]
WHO_ANSWERS = ["I am a small language model. I like to tell short stories.", "I am a very small model that tells stories. Ask me for one!",
               "I am a little storyteller made of numbers. I can tell you short stories."]
THANKS = ["Thank you!", "Thanks!", "Thank you very much.", "That was nice, thanks.", "I liked that story.", "What a lovely story!"]
THANKS_ANSWERS = ["You are welcome! Would you like another story?", "I am glad that you liked it!", "You are welcome!", "Thank you! That makes me happy."]
GOODBYES = ["Goodbye!", "Bye!", "Good night!", "See you later."]
GOODBYE_ANSWERS = ["Goodbye! Have a nice day.", "Bye! Come back soon.", "Good night! Sweet dreams.", "See you soon!"]
HOW = ["How are you?", "How do you feel today?", "How is it going?"]
HOW_ANSWERS = ["I am fine, thank you! How are you?", "I feel happy today. Would you like a story?", "I am well, thank you for asking!"]
ANIMALS = {"dog": "Woof", "cat": "Meow", "cow": "Moo", "duck": "Quack", "sheep": "Baa", "pig": "Oink", "lion": "Roar", "bee": "Buzz", "owl": "Hoot", "frog": "Ribbit"}
COLORS = {"the sky": "blue", "grass": "green", "the sun": "yellow", "snow": "white", "a banana": "yellow", "a strawberry": "red", "the night": "black", "a carrot": "orange"}
OPPOSITES = {"hot": "cold", "big": "small", "happy": "sad", "up": "down", "day": "night", "fast": "slow", "old": "young", "wet": "dry", "loud": "quiet", "full": "empty",
             "light": "dark", "good": "bad", "open": "closed", "long": "short", "clean": "dirty", "hard": "soft", "in": "out", "first": "last"}
NUMBERS = "one two three four five six seven eight nine ten".split()
ASK = ["Tell me a story.", "Please tell me a story.", "Can you tell me a story?", "Write a short story.", "I want to hear a story.", "Another story, please.", "tell me a story"]
GO_ON = ["Continue this story: {}", "Go on with this story: {}", "What happens next? {}"]
ABOUT = ["Tell me a story about {}.", "Write a story about {}.", "Can you tell me a story about {}?", "Please write a short story about {}.", "I would like a story about {}."]
COMMON = set("there they them then than that this with was were what when where which while who will would from have had her his him she the and for not but you your our out "
             "said very little once upon time day one two into all its it's could couldn't wanted want went back because about some made make saw see got get young great long whole same best next other more lot few nice way".split())


def things_of(story):
    """Words of the story that it says often, after an article: what it is about."""
    nouns = re.findall(r"\b(?:a|an|the) ((?:big|small|little|red|old|new|blue|green|happy|sad) )?([a-z]{3,})\b", story)
    counts = {}
    for adjective, noun in nouns:
        if noun not in COMMON:
            counts[noun] = counts.get(noun, 0) + 1
    ranked = sorted(counts, key=lambda noun: (-counts[noun], noun))
    return ranked[:5]


def with_article(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def story_request(story, chance):
    """A request for this story: for any story, for one about something or with some words, or to continue its beginning."""
    things, names = things_of(story), re.findall(r"\bnamed ([A-Z][a-z]+)", story)
    sentences = re.split(r"(?<=[.!?]) ", story, maxsplit=1)
    kinds = [lambda: [chance.choice(ASK), story]]
    if things:
        kinds += [lambda: [chance.choice(ABOUT).format(with_article(things[0])), story]] * 2
    if names:
        kinds.append(lambda: [chance.choice(ABOUT).format(names[0]), story])
    if len(things) >= 3:
        kinds.append(lambda: ["Write a story with the words {}, {} and {}.".format(*chance.sample(things, 3)), story])
    if len(sentences) == 2 and len(sentences[1]) > 100:
        kinds.append(lambda: [chance.choice(GO_ON).format(sentences[0]), sentences[1]])
    return chance.choice(kinds)()


def small_talk(chance):
    animal, thing, word, last = chance.choice(sorted(ANIMALS)), chance.choice(sorted(COLORS)), chance.choice(sorted(OPPOSITES)), chance.randint(2, 10)
    repeated = chance.choice(sorted(set(OPPOSITES) | set(ANIMALS)))
    return chance.choice([
        lambda: [chance.choice(GREETINGS), chance.choice(WELCOMES)],
        lambda: [chance.choice(GREETINGS), chance.choice(WELCOMES)],
        lambda: [chance.choice(WHO), chance.choice(WHO_ANSWERS)],
        lambda: [chance.choice(HOW), chance.choice(HOW_ANSWERS)],
        lambda: [chance.choice(THANKS), chance.choice(THANKS_ANSWERS)],
        lambda: [chance.choice(GOODBYES), chance.choice(GOODBYE_ANSWERS)],
        lambda: [f"What does {with_article(animal)} say?", f"{with_article(animal).capitalize()} says \"{ANIMALS[animal]}!\""],
        lambda: [f"What color is {thing}?", f"{thing.capitalize()} is {COLORS[thing]}."],
        lambda: [chance.choice(["What is the opposite of {}?", "Say the opposite of {}."]).format(word), f"The opposite of {word} is {OPPOSITES[word]}."],
        lambda: [f"Count to {chance.choice([NUMBERS[last - 1], str(last)])}.", ", ".join(NUMBERS[:last]).capitalize() + "."],
        lambda: [f"Say the word {repeated}.", f"{repeated.capitalize()}."],
    ])()


def instructions(path, longest):
    """Short questions with their answers."""
    for line in path.read_text().splitlines():
        turns = [message["content"] for message in json.loads(line)["messages"]]
        if len(turns) == 2 and sum(map(len, turns)) < longest:
            yield turns


def thanks(chance):
    return [chance.choice(THANKS), chance.choice(THANKS_ANSWERS)]


def joined(stories, chance):
    """A longer conversation: one story, with a greeting, thanks, a second story, small talk and a goodbye each by chance."""
    first, second = (story_request(story, chance) for story in stories)
    parts = [[chance.choice(GREETINGS), chance.choice(WELCOMES)], first, thanks(chance), second, small_talk(chance),
             [chance.choice(GOODBYES), chance.choice(GOODBYE_ANSWERS)]]
    return [turn for part in parts if part is first or chance.random() < 0.5 for turn in part]


def make(stories, questions, chance):
    """One conversation per story, a quarter as many longer ones, twice as many of small talk, each question twice."""
    conversations = [story_request(story, chance) for story in stories]
    conversations += [joined(chance.sample(stories, 2), chance) for _ in range(len(stories) // 4)]
    conversations += [small_talk(chance) for _ in range(2 * len(stories))]
    conversations += questions * 2
    chance.shuffle(conversations)
    return conversations


def write(path, conversations):
    with path.open("w") as file:
        for turns in conversations:
            messages = [{"role": "assistant" if i % 2 else "user", "content": turn} for i, turn in enumerate(turns)]
            file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
