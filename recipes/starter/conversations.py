"""Conversations for the starter model: short ones that a model of five million parameters can learn to hold.

Made from the stories that it was trained on (requests for a story, with its own words or its own beginning), from the short
answers of sft/instructions_basic.jsonl, and from a few templates: greetings, thanks, counting, opposites, animals.
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
ABOUT = ["Tell me a story about {}.", "Write a story about {}.", "Can you tell me a story about {}?", "Please write a short story about {}.", "I would like a story about {}."]
COMMON = set("there they them then than that this with was were what when where which while who will would from have had her his him she the and for not but you your our out "
             "said very little once upon time day one two into all its it's could couldn't wanted want went back because about some made make saw see got get".split())


def say(*turns):
    return {"messages": [{"role": "assistant" if i % 2 else "user", "content": turn} for i, turn in enumerate(turns)]}


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


def story_requests(stories, chance):
    for story in stories:
        things = things_of(story)
        yield say(chance.choice(ASK), story)
        if things:
            yield say(chance.choice(ABOUT).format(with_article(things[0])), story)
        names = [name for name in re.findall(r"\bnamed ([A-Z][a-z]+)", story)]
        if names:
            yield say(chance.choice(ABOUT).format(names[0]), story)
        if len(things) >= 3:
            chosen = chance.sample(things, 3)
            yield say(f"Write a story with the words {chosen[0]}, {chosen[1]} and {chosen[2]}.", story)
        sentences = re.split(r"(?<=[.!?]) ", story, maxsplit=1)
        if len(sentences) == 2 and len(sentences[1]) > 100:
            yield say(chance.choice(["Continue this story: {}", "Go on with this story: {}", "What happens next? {}"]).format(sentences[0]), sentences[1])


def small_talk(chance, count):
    for _ in range(count):
        kind = chance.randrange(11)
        if kind == 0:
            yield say(chance.choice(GREETINGS), chance.choice(WELCOMES))
        elif kind == 1:
            yield say(chance.choice(WHO), chance.choice(WHO_ANSWERS))
        elif kind == 2:
            yield say(chance.choice(THANKS), chance.choice(THANKS_ANSWERS))
        elif kind == 3:
            yield say(chance.choice(GOODBYES), chance.choice(GOODBYE_ANSWERS))
        elif kind == 4:
            yield say(chance.choice(HOW), chance.choice(HOW_ANSWERS))
        elif kind == 5:
            animal = chance.choice(sorted(ANIMALS))
            yield say(f"What does {with_article(animal)} say?", f"{with_article(animal).capitalize()} says \"{ANIMALS[animal]}!\"")
        elif kind == 6:
            thing = chance.choice(sorted(COLORS))
            yield say(f"What color is {thing}?", f"{thing.capitalize()} is {COLORS[thing]}.")
        elif kind == 7:
            word = chance.choice(sorted(OPPOSITES))
            yield say(chance.choice(["What is the opposite of {}?", "Say the opposite of {}."]).format(word), f"The opposite of {word} is {OPPOSITES[word]}.")
        elif kind == 8:
            last = chance.randint(2, 10)
            yield say(f"Count to {chance.choice([NUMBERS[last - 1], str(last)])}.", ", ".join(NUMBERS[:last]).capitalize() + ".")
        elif kind == 9:
            word = chance.choice(sorted(set(ANIMALS) | set(OPPOSITES)))
            yield say(f"Say the word {word}.", f"{word.capitalize()}.")
        else:
            yield say(chance.choice(GREETINGS), chance.choice(WELCOMES), chance.choice(THANKS), chance.choice(THANKS_ANSWERS),
                      chance.choice(GOODBYES), chance.choice(GOODBYE_ANSWERS))


def short_instructions(path):
    for line in path.read_text().splitlines():
        conversation = json.loads(line)
        if sum(len(message["content"]) for message in conversation["messages"]) < 240:
            yield {"messages": conversation["messages"]}


def write(path, stories, instructions, seed=1):
    chance = random.Random(seed)
    conversations = list(story_requests(stories, chance)) + list(small_talk(chance, 4000)) + list(short_instructions(instructions)) * 2
    chance.shuffle(conversations)
    path.write_text("".join(json.dumps(conversation, ensure_ascii=False) + "\n" for conversation in conversations))
    return len(conversations)
